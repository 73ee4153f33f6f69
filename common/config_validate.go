package common

import (
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"multirunner/helpers/suggest"
)

// zombieTimeout is Gitea's default ZOMBIE_TASK_TIMEOUT: a task without a
// report for so long is ended by the server.
const zombieTimeout = 10 * time.Minute

// Validate tells what is wrong with values. It looks at nothing outside the
// configuration. The problems of a registration carry its index, all others
// GlobalProblem.
func (c *Config) Validate() []Problem {
	v := &validation{config: c, skip: make([]bool, len(c.Runners)), line: func(string) int { return 0 }}
	return v.run()
}

// validation collects the problems of one configuration.
type validation struct {
	config   *Config
	skip     []bool                // registrations that are known to be broken
	line     func(path string) int // where a key with its index stands; 0 when that is not known
	problems []Problem
}

func (v *validation) run() []Problem {
	v.global()
	v.polling()
	v.reporting()
	for i := range v.config.Runners {
		if !v.skip[i] {
			v.runner(i)
		}
	}
	v.duplicates()
	return v.problems
}

// bad adds a problem of a global key.
func (v *validation) bad(key, format string, args ...any) {
	v.add(Problem{Runner: GlobalProblem, Key: key, Message: fmt.Sprintf(format, args...)})
}

func (v *validation) warn(key, format string, args ...any) {
	v.add(Problem{Runner: GlobalProblem, Key: key, Message: fmt.Sprintf(format, args...), Warning: true})
}

// add finds the line of a problem that has none yet.
func (v *validation) add(p Problem) {
	if p.Line == 0 {
		path := p.Key
		if p.Runner >= 0 {
			path = runnerPath(p.Runner, p.Key)
		}
		p.Line = v.line(path)
	}
	v.problems = append(v.problems, p)
}

func (v *validation) global() {
	c := v.config
	if c.Concurrent < 1 {
		v.bad("concurrent", "is %d, must be at least 1", c.Concurrent)
	}
	v.positive("check_interval", c.CheckInterval)
	v.oneOf("log_level", c.LogLevel, "trace", "debug", "info", "warn", "warning", "error")
	v.oneOf("log_format", c.LogFormat, "text", "json")
	v.address("listen_address", c.ListenAddress, `"127.0.0.1:9252", or "" for no metrics`)
	v.address("debug_address", c.DebugAddress, `"127.0.0.1:9253", or ""`)
	if c.ShutdownTimeout < 0 {
		v.bad("shutdown_timeout", "is %s, must not be negative", c.ShutdownTimeout)
	}
	if c.StateDir != "" && !filepath.IsAbs(c.StateDir) {
		v.warn("state_dir", "%q depends on the directory that the runner is started in, write an absolute path", c.StateDir)
	}
	if dir := c.Actions.ToolCache; dir != "" && !filepath.IsAbs(dir) {
		v.bad("actions.tool_cache", "%q is not an absolute path: jobs start in directories of their own", dir)
	}
	v.oneOf("metrics.per_runner", string(c.Metrics.PerRunner), string(SwitchAuto), string(SwitchOn), string(SwitchOff))
}

// address checks where to listen, if anywhere.
func (v *validation) address(key, value, example string) {
	if value == "" {
		return
	}
	if _, _, err := net.SplitHostPort(value); err != nil {
		v.bad(key, "%q is not HOST:PORT, write for example %s", value, example)
	}
}

func (v *validation) polling() {
	p := v.config.Polling
	v.positive("polling.fetch_timeout", p.FetchTimeout)
	v.positive("polling.interval_max", p.IntervalMax)
	v.positive("polling.cycle_target", p.CycleTarget)
	v.rate("polling.idle_requests_per_second", p.IdleRequestsPerSecond)
	v.rate("polling.requests_per_second", p.RequestsPerSecond)
	if p.IntervalMax > 0 && p.IntervalMax < v.config.CheckInterval {
		v.warn("polling.interval_max", "is %s, below check_interval (%s), which is used instead", p.IntervalMax, v.config.CheckInterval)
	}
}

// spoolMinAge is longer than a server takes for an update, or a person for a
// token.
const spoolMinAge = time.Hour

func (v *validation) reporting() {
	r := v.config.Reporting
	v.positive("reporting.log_report_interval", r.LogReportInterval)
	v.positive("reporting.log_report_max_latency", r.LogReportMaxLatency)
	v.positive("reporting.state_report_interval", r.StateReportInterval)
	v.rate("reporting.requests_per_second", r.RequestsPerSecond)
	if r.LogReportBatchSize < 1 {
		v.bad("reporting.log_report_batch_size", "is %d, must be at least 1", r.LogReportBatchSize)
	}
	if r.SpoolMaxBytes < 1<<20 {
		v.bad("reporting.spool_max_bytes", "is %s, must be at least 1MiB", r.SpoolMaxBytes)
	}
	if age := r.SpoolMaxAge.Std(); age < 0 || age > 0 && age < spoolMinAge {
		v.bad("reporting.spool_max_age", "is %s, must be at least %s, or 0 for no limit", r.SpoolMaxAge, Duration(spoolMinAge))
	}
	if r.LogReportMaxLatency > 0 && r.LogReportInterval > 0 && r.LogReportMaxLatency >= r.LogReportInterval {
		v.warn("reporting.log_report_max_latency", "is %s, must be below log_report_interval (%s) to have an effect", r.LogReportMaxLatency, r.LogReportInterval)
	}
	if r.StateReportInterval.Std() >= zombieTimeout/2 {
		v.warn("reporting.state_report_interval", "is %s: servers end jobs that they hear nothing of for %s", r.StateReportInterval, Duration(zombieTimeout))
	}
}

func (v *validation) positive(key string, d Duration) {
	if d <= 0 {
		v.bad(key, "is %s, must be above 0", d)
	}
}

func (v *validation) rate(key string, perSecond float64) {
	if !isPositive(perSecond) {
		v.bad(key, "is %v, must be a number above 0", perSecond)
	}
}

func isPositive(n float64) bool { return n > 0 && !math.IsInf(n, 1) }

func (v *validation) oneOf(key, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	v.add(Problem{
		Runner: GlobalProblem, Key: key, Suggestion: suggest.Nearest(value, allowed),
		Message: fmt.Sprintf("%q is none of %s", value, strings.Join(allowed, ", ")),
	})
}
