package common

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that a config file writes as "5s" or as a
// number of seconds (fractions too).
type Duration time.Duration

// Std gives the standard library's form.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String gives the form that a person would write: "30m", not "30m0s".
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes the "5s" form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalTOML takes a string or a number of seconds.
func (d *Duration) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		return d.UnmarshalText([]byte(v))
	case int64:
		return d.setSeconds(float64(v))
	case float64:
		return d.setSeconds(v)
	}
	return fmt.Errorf("%v is not a duration: write \"5s\" or a number of seconds", v)
}

// UnmarshalText takes "5s", or a number of seconds as text.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if std, err := time.ParseDuration(s); err == nil {
		*d = Duration(std)
		return nil
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		return d.setSeconds(seconds)
	}
	return fmt.Errorf("%q is not a duration: write \"5s\" or a number of seconds", s)
}

func (d *Duration) setSeconds(seconds float64) error {
	if math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/float64(time.Second) {
		return fmt.Errorf("%v seconds is out of range", seconds)
	}
	*d = Duration(seconds * float64(time.Second))
	return nil
}
