package common

import (
	"strings"
	"testing"
)

func TestValidateFindsEachBadValue(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *Config, r *RunnerConfig)
		want   string // what the one problem starts with; "" for none
	}{
		{"nothing", func(c *Config, r *RunnerConfig) {}, ""},
		{"no slots", func(c *Config, r *RunnerConfig) { c.Concurrent = 0 }, "concurrent: is 0, must be at least 1 [-1]"},
		{"no interval", func(c *Config, r *RunnerConfig) { c.CheckInterval = 0 }, "check_interval: is 0s, must be above 0 [-1]"},
		{"level", func(c *Config, r *RunnerConfig) { c.LogLevel = "wran" }, `log_level: "wran" is none of trace, debug, info, warn, warning, error, did you mean warn? [-1]`},
		{"format", func(c *Config, r *RunnerConfig) { c.LogFormat = "xml" }, `log_format: "xml" is none of text, json [-1]`},
		{"address", func(c *Config, r *RunnerConfig) { c.ListenAddress = "9252" }, `listen_address: "9252" is not HOST:PORT`},
		{"port alone is an address", func(c *Config, r *RunnerConfig) { c.ListenAddress = ":9252" }, ""},
		{"relative state", func(c *Config, r *RunnerConfig) { c.StateDir = "state" }, `state_dir: "state" depends on`},
		{"negative shutdown", func(c *Config, r *RunnerConfig) { c.ShutdownTimeout = -1 }, "shutdown_timeout: is -1ns, must not be negative"},
		{"rate", func(c *Config, r *RunnerConfig) { c.Polling.RequestsPerSecond = 0 }, "polling.requests_per_second: is 0, must be a number above 0"},
		{"interval_max", func(c *Config, r *RunnerConfig) { c.Polling.IntervalMax = seconds(1) }, "polling.interval_max: is 1s, below check_interval (3s), which is used instead (warning)"},
		{"latency", func(c *Config, r *RunnerConfig) { c.Reporting.LogReportMaxLatency = seconds(5) }, "reporting.log_report_max_latency: is 5s, must be below log_report_interval (5s) to have an effect (warning) [-1]"},
		{"batch", func(c *Config, r *RunnerConfig) { c.Reporting.LogReportBatchSize = 0 }, "reporting.log_report_batch_size: is 0, must be at least 1"},
		{"spool", func(c *Config, r *RunnerConfig) { c.Reporting.SpoolMaxBytes = 10 }, "reporting.spool_max_bytes: is 10, must be at least 1MiB"},
		{"age", func(c *Config, r *RunnerConfig) { c.Reporting.SpoolMaxAge = seconds(59 * 60) }, "reporting.spool_max_age: is 59m, must be at least 1h, or 0 for no limit"},
		{"negative age", func(c *Config, r *RunnerConfig) { c.Reporting.SpoolMaxAge = seconds(-1) }, "reporting.spool_max_age: is -1s, must be at least 1h, or 0 for no limit"},
		{"heartbeat", func(c *Config, r *RunnerConfig) { c.Reporting.StateReportInterval = seconds(600) }, "reporting.state_report_interval: is 10m: servers end jobs"},
		{"tool_cache", func(c *Config, r *RunnerConfig) { c.Actions.ToolCache = "tools" }, `actions.tool_cache: "tools" is not an absolute path`},
		{"per_runner", func(c *Config, r *RunnerConfig) { c.Metrics.PerRunner = "yes" }, `metrics.per_runner: "yes" is none of auto, true, false`},

		{"no name", func(c *Config, r *RunnerConfig) { r.Name = "" }, "runners[0].name: missing"},
		{"name", func(c *Config, r *RunnerConfig) { r.Name = "a\n" }, `runners[0].name: "a\n" has white space`},
		{"no url", func(c *Config, r *RunnerConfig) { r.URL = "" }, "runners[0].url: missing: write for example https://git.example.org [0]"},
		{"url", func(c *Config, r *RunnerConfig) { r.URL = "git.example.org" }, `runners[0].url: "git.example.org" is not the URL of a server`},
		{"url with query", func(c *Config, r *RunnerConfig) { r.URL = "https://x?y" }, `runners[0].url: "https://x?y" has a query`},
		{"url with password", func(c *Config, r *RunnerConfig) { r.URL = "https://u:secret-of-a@x" }, "runners[0].url: has a user or password in it"},
		{"no uuid", func(c *Config, r *RunnerConfig) { r.UUID = "" }, "runners[0].uuid: missing"},
		{"uuid", func(c *Config, r *RunnerConfig) { r.UUID = "../x" }, `runners[0].uuid: "../x" is not the uuid`},
		{"executor", func(c *Config, r *RunnerConfig) { r.Executor = "dokcer" }, `runners[0].executor: "dokcer" is not an executor, write shell or docker, did you mean docker? [0]`},
		{"no token", func(c *Config, r *RunnerConfig) { r.Token = Secret{} }, "runners[0].token: missing: write token, token_file or token_env [0]"},
		{"two tokens", func(c *Config, r *RunnerConfig) { r.TokenFile = "f" }, "runners[0].token_file: token and token_file are both set"},
		{"token", func(c *Config, r *RunnerConfig) { r.Token = NewSecret("secret-of-a\n") }, "runners[0].token: has control characters"},
		{"no labels", func(c *Config, r *RunnerConfig) { r.Labels = nil }, "runners[0].labels: none: only jobs without runs-on"},
		{"label", func(c *Config, r *RunnerConfig) { r.Labels = []string{"a:docker:x"} }, `runners[0].labels: label "a:docker:x": write a:docker://IMAGE [0]`},
		{"scheme", func(c *Config, r *RunnerConfig) { r.Labels = []string{"a:dokcer://x"} }, `runners[0].labels: "a:dokcer://x" has no known scheme, so all of it is the label's name: write NAME:host or NAME:docker://IMAGE (warning)`},
		{"label twice", func(c *Config, r *RunnerConfig) { r.Labels = []string{"a:host", "a:host"} }, `runners[0].labels: "a:host" is there twice (warning)`},
		{"labels of one name", func(c *Config, r *RunnerConfig) { r.Labels = []string{"a:host", "a:docker://x"} }, `runners[0].labels: "a:host" and "a:docker://x" have one name`},
		{"limit", func(c *Config, r *RunnerConfig) { r.Limit = -1 }, "runners[0].limit: is -1, must not be negative"},
		{"weight", func(c *Config, r *RunnerConfig) { r.Weight = 0 }, "runners[0].weight: is 0, must be a number above 0"},
		{"timeout", func(c *Config, r *RunnerConfig) { r.JobTimeout = 0 }, "runners[0].job_timeout: is 0s, must be above 0"},
		{"kill", func(c *Config, r *RunnerConfig) { r.Shell.ForceKillTimeout = -1 }, "runners[0].shell.force_kill_timeout: is -1ns"},
		{"environment", func(c *Config, r *RunnerConfig) { r.Environment = []string{"A=b", "secret-of-a"} }, "runners[0].environment: entry 2 is not NAME=VALUE [0]"},
		{"pass", func(c *Config, r *RunnerConfig) { r.Shell.PassEnvironment = []string{"A=b"} }, "runners[0].shell.pass_environment: entry 1 is not the name of a variable"},
		{"hook", func(c *Config, r *RunnerConfig) { r.Hooks.JobStarted = "x.sh" }, `runners[0].hooks.job_started: "x.sh" is not an absolute path`},
		{"no check of certificates", func(c *Config, r *RunnerConfig) { r.TLSCAFile, r.InsecureSkipVerify = "f", true }, "runners[0].tls_ca_file: has no effect beside insecure_skip_verify (warning)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config, runner := DefaultConfig(), DefaultRunner()
			runner.Name, runner.URL, runner.UUID = "a", "https://git.example.org/sub", "11111111-2222-3333-4444-555555555555"
			runner.Token, runner.Labels = NewSecret("secret-of-a"), []string{"linux:host", "ubuntu:docker://node:22", "bare", "pool:x"}
			config.Runners = []*RunnerConfig{runner}
			tt.change(config, runner)

			got := lines(config.Validate())
			if strings.Contains(got, "secret-of-a") {
				t.Errorf("a secret is shown: %s", got)
			}
			switch {
			case tt.want == "" && got != "":
				t.Errorf("got %s", got)
			case !strings.HasPrefix(got, tt.want) || strings.Count(got, "\n") > 1:
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestElementsOfListsAreReportedAtTheirLines(t *testing.T) {
	_, got := decode(t, goodRunner+`environment = [
  "A=1",
  "B",
]
`)
	if want := "config.toml:10: runners.environment: entry 2 is not NAME=VALUE [0]\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParsedLabelsLeavesOutWhatCannotBeRead(t *testing.T) {
	r := &RunnerConfig{Labels: []string{"a", "", "b:host"}}
	if got := r.ParsedLabels(); len(got) != 2 || got[0].Name != "a" || got[1].Scheme != "host" {
		t.Errorf("got %v", got)
	}
}

func TestKnownKeysAreComplete(t *testing.T) {
	keys := map[string]KeyDoc{}
	for _, k := range KnownKeys() {
		if _, twice := keys[k.Path]; twice || k.Type == "" || k.Default == "" || strings.HasSuffix(k.Path, ".") {
			t.Errorf("bad key %+v", k)
		}
		keys[k.Path] = k
	}
	for path, want := range map[string]KeyDoc{
		"concurrent":                          {"concurrent", "integer", "1"},
		"check_interval":                      {"check_interval", "duration", `"3s"`},
		"polling.idle_requests_per_second":    {"polling.idle_requests_per_second", "number", "4"},
		"reporting.spool_max_bytes":           {"reporting.spool_max_bytes", "size", `"1GiB"`},
		"metrics.per_runner":                  {"metrics.per_runner", `"auto", true or false`, `"auto"`},
		"runners.token":                       {"runners.token", "string", `""`},
		"runners.labels":                      {"runners.labels", "list of strings", "[]"},
		"runners.ephemeral":                   {"runners.ephemeral", "boolean", "false"},
		"runners.output_limit":                {"runners.output_limit", "size", "0"},
		"runners.shell.graceful_kill_timeout": {"runners.shell.graceful_kill_timeout", "duration", `"7.5s"`},
		"runners.hooks.job_started":           {"runners.hooks.job_started", "string", `""`},
		"runners.docker.pull_policy":          {"runners.docker.pull_policy", "string or list of strings", `["always", "if-not-present"]`},
		"runners.docker.registries.password":  {"runners.docker.registries.password", "string", `""`},
	} {
		if keys[path] != want {
			t.Errorf("%s: got %+v, want %+v", path, keys[path], want)
		}
	}
}
