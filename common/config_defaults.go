package common

import "time"

// DefaultConfig gives the configuration of an empty file: every default, no
// registration. StateDir is empty: where it is then depends on the user and
// the environment.
func DefaultConfig() *Config {
	return &Config{
		Concurrent:      1,
		CheckInterval:   seconds(3),
		LogLevel:        "info",
		LogFormat:       "text",
		ShutdownTimeout: Duration(30 * time.Minute),
		Polling: PollingConfig{
			FetchTimeout:          seconds(15),
			IdleRequestsPerSecond: 4,
			IntervalMax:           seconds(45),
			RequestsPerSecond:     20,
			CycleTarget:           seconds(10),
		},
		Reporting: ReportingConfig{
			LogReportInterval:   seconds(5),
			LogReportMaxLatency: seconds(3),
			LogReportBatchSize:  100,
			StateReportInterval: seconds(5),
			RequestsPerSecond:   50,
			SpoolMaxBytes:       1 << 30,
			SpoolMaxAge:         Duration(14 * 24 * time.Hour),
		},
		Metrics: MetricsConfig{PerRunner: SwitchAuto},
		Actions: ActionsConfig{MaxBytes: 10 << 30},
	}
}

// DefaultRunner gives an empty registration with every default.
func DefaultRunner() *RunnerConfig {
	return &RunnerConfig{
		Executor:   "shell",
		Weight:     1,
		JobTimeout: Duration(3 * time.Hour),
		Shell: ShellConfig{
			GracefulKillTimeout: seconds(7.5),
			ForceKillTimeout:    seconds(2.5),
		},
		Docker: DefaultDocker(),
	}
}

func seconds(n float64) Duration { return Duration(n * float64(time.Second)) }
