// Package metrics measures what is not the supervisor's: the process, the
// reports to servers, and what is costly to learn, which is collected in the
// background and never during a scrape. docs/metrics.md has the table of all
// families.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

const namespace = "gitea_runner"

// NewRegistry makes a registry with what every process has.
func NewRegistry(version string, started time.Time) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "info", Help: "1, with the version of the runner.",
	}, []string{"version"})
	info.WithLabelValues(version).Set(1)
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "uptime_seconds", Help: "Time since the runner was started.",
		}, func() float64 { return time.Since(started).Seconds() }),
	)
	return registry
}
