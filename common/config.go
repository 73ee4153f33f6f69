package common

// Config is config.toml: see config.toml.example for what each key means.
type Config struct {
	Concurrent      int      `toml:"concurrent"`
	CheckInterval   Duration `toml:"check_interval"`
	LogLevel        string   `toml:"log_level"`
	LogFormat       string   `toml:"log_format"`
	ListenAddress   string   `toml:"listen_address"`
	DebugAddress    string   `toml:"debug_address"`
	ShutdownTimeout Duration `toml:"shutdown_timeout"`
	StateDir        string   `toml:"state_dir"`

	Polling   PollingConfig   `toml:"polling"`
	Reporting ReportingConfig `toml:"reporting"`
	Metrics   MetricsConfig   `toml:"metrics"`
	Actions   ActionsConfig   `toml:"actions"`

	Runners []*RunnerConfig `toml:"runners"`
}

// PollingConfig says how often servers are asked for work, at what cost to them.
type PollingConfig struct {
	FetchTimeout          Duration `toml:"fetch_timeout"`
	IdleRequestsPerSecond float64  `toml:"idle_requests_per_second"`
	IntervalMax           Duration `toml:"interval_max"`
	RequestsPerSecond     float64  `toml:"requests_per_second"`
	CycleTarget           Duration `toml:"cycle_target"`
}

// ReportingConfig says how logs and states are sent.
type ReportingConfig struct {
	LogReportInterval   Duration `toml:"log_report_interval"`
	LogReportMaxLatency Duration `toml:"log_report_max_latency"`
	LogReportBatchSize  int      `toml:"log_report_batch_size"`
	StateReportInterval Duration `toml:"state_report_interval"`
	RequestsPerSecond   float64  `toml:"requests_per_second"`
	SpoolMaxBytes       Size     `toml:"spool_max_bytes"`
	SpoolMaxAge         Duration `toml:"spool_max_age"`
}

// ActionsConfig says how the actions that jobs use are kept.
type ActionsConfig struct {
	MaxBytes Size `toml:"max_bytes"`
	Offline  bool `toml:"offline"`
	// ToolCache is the directory of RUNNER_TOOL_CACHE; empty is tools in the
	// state directory.
	ToolCache string `toml:"tool_cache"`
}

// MetricsConfig says what is measured.
type MetricsConfig struct {
	PerRunner Switch `toml:"per_runner"` // auto: up to 500 registrations
}

// RunnerConfig is one registration: a [[runners]] block.
type RunnerConfig struct {
	Name      string   `toml:"name"`
	URL       string   `toml:"url"`
	UUID      string   `toml:"uuid"`
	Token     Secret   `toml:"token"`
	TokenFile string   `toml:"token_file"`
	TokenEnv  string   `toml:"token_env"`
	Labels    []string `toml:"labels"`
	Executor  string   `toml:"executor"`
	Limit     int      `toml:"limit"`
	Weight    float64  `toml:"weight"`
	Ephemeral bool     `toml:"ephemeral"`

	Environment []string `toml:"environment"`
	JobTimeout  Duration `toml:"job_timeout"`
	OutputLimit Size     `toml:"output_limit"`

	TLSCAFile          string `toml:"tls_ca_file"`
	InsecureSkipVerify bool   `toml:"insecure_skip_verify"`

	Hooks  HooksConfig  `toml:"hooks"`
	Shell  ShellConfig  `toml:"shell"`
	Docker DockerConfig `toml:"docker"`
}

// HooksConfig names scripts that the operator runs around every job.
type HooksConfig struct {
	JobStarted   string `toml:"job_started"`
	JobCompleted string `toml:"job_completed"`
}

// ShellConfig is [runners.shell].
type ShellConfig struct {
	User                string   `toml:"user"`
	Path                string   `toml:"path"`
	PassEnvironment     []string `toml:"pass_environment"`
	GracefulKillTimeout Duration `toml:"graceful_kill_timeout"`
	ForceKillTimeout    Duration `toml:"force_kill_timeout"`
}

// RegistrationID is what a registration is, whatever it is called: one runner
// row of one server.
type RegistrationID struct{ URL, UUID string }

// ID gives the registration's identity.
func (r *RunnerConfig) ID() RegistrationID {
	return RegistrationID{URL: NormalizeURL(r.URL), UUID: r.UUID}
}
