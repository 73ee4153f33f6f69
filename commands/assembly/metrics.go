package assembly

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multirunner/network/sender"
)

const namespace = "gitea_runner"

// reportMetrics are the families of the sender.
type reportMetrics struct {
	total   map[string]*prometheus.CounterVec
	seconds map[string]prometheus.Histogram
}

// reportKinds gives each method of the sender the name of its families.
var reportKinds = map[string]string{"UpdateLog": "log", "UpdateTask": "state", "UploadSummary": "summary"}

func newReportMetrics(registerer prometheus.Registerer) *reportMetrics {
	m := &reportMetrics{total: map[string]*prometheus.CounterVec{}, seconds: map[string]prometheus.Histogram{}}
	for method, kind := range reportKinds {
		total := prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "report_" + kind + "_total", Help: "Reports sent to servers by result.",
		}, []string{"result"})
		for _, result := range []string{"success", "error"} {
			total.WithLabelValues(result)
		}
		seconds := prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "report_" + kind + "_duration_seconds", Help: "Time that servers took for a report.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		})
		registerer.MustRegister(total, seconds)
		m.total[method], m.seconds[method] = total, seconds
	}
	return m
}

func (m *reportMetrics) observe(method string, took time.Duration, err error) {
	if err != nil {
		m.total[method].WithLabelValues("error").Inc()
		return
	}
	m.total[method].WithLabelValues("success").Inc()
	m.seconds[method].Observe(took.Seconds())
}

// watch registers gauges of what waits to be sent.
func (m *reportMetrics) watch(registerer prometheus.Registerer, s *sender.Sender) {
	gauge := func(name, help string, value func(sender.Stats) float64) {
		registerer.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
			func() float64 { return value(s.Stats()) },
		))
	}
	gauge("report_log_buffer_rows", "Log rows that servers do not have yet.", func(s sender.Stats) float64 { return float64(s.Rows) })
	gauge("spool_bytes", "Bytes of spools that servers do not have yet.", func(s sender.Stats) float64 { return float64(s.Bytes) })
	gauge("report_behind_seconds", "Age of the oldest log row that a server does not have yet.", func(s sender.Stats) float64 { return s.Behind.Seconds() })
}
