package policy

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
)

// healthDuration reads a time of a health check.
func healthDuration(to *time.Duration, value string) error {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		return errors.New("is not a time, write for example 10s")
	case d != 0 && d < container.MinimumDuration:
		return fmt.Errorf("is below %s", container.MinimumDuration)
	}
	*to = d
	return nil
}

func (m *maker) health() *container.HealthConfig {
	if m.out.Config.Healthcheck == nil {
		m.out.Config.Healthcheck = &container.HealthConfig{}
	}
	return m.out.Config.Healthcheck
}

func (m *maker) setHealthCommand(value string) error {
	if value == "" {
		return errors.New("is empty")
	}
	m.health().Test = []string{"CMD-SHELL", value}
	return nil
}

func (m *maker) setHealthInterval(value string) error {
	return healthDuration(&m.health().Interval, value)
}

func (m *maker) setHealthTimeout(value string) error {
	return healthDuration(&m.health().Timeout, value)
}

func (m *maker) setHealthStartPeriod(value string) error {
	return healthDuration(&m.health().StartPeriod, value)
}

func (m *maker) setHealthStartInterval(value string) error {
	return healthDuration(&m.health().StartInterval, value)
}

func (m *maker) setHealthRetries(value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return errors.New("is not a number of retries")
	}
	m.health().Retries = n
	return nil
}

func (m *maker) setNoHealthcheck(value string) error {
	m.asked.noHealth = value == "true"
	return nil
}

func (m *maker) checkHealth() {
	if !m.asked.noHealth {
		return
	}
	if m.out.Config.Healthcheck != nil {
		m.fail("options", "--no-healthcheck and other options of a health check: keep the one or the others")
		return
	}
	m.out.Config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
}
