package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multirunner/network/sender"
)

// reportKinds gives each method of the sender the name of its families. That
// of summaries is not theirs: a type of metrics is called so.
var reportKinds = map[string]string{"UpdateLog": "log", "UpdateTask": "state", "UploadSummary": "upload"}

// reportResults are the values of the label result.
var reportResults = [...]string{"success", "error"}

// Reports are the families of what the sender sends. It is safe for concurrent
// use.
type Reports struct {
	total   map[string]*prometheus.CounterVec
	seconds map[string]prometheus.Histogram
	dropped *prometheus.CounterVec
}

// dropReasons are the values of the label why.
var dropReasons = [...]sender.DropReason{sender.DroppedAge, sender.DroppedRefused, sender.DroppedUnregistered, sender.DroppedTask}

// NewReports makes the families and registers them.
func NewReports(registerer prometheus.Registerer) *Reports {
	r := &Reports{total: map[string]*prometheus.CounterVec{}, seconds: map[string]prometheus.Histogram{}}
	for method, kind := range reportKinds {
		total := prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "report_" + kind + "_total", Help: "Reports of this kind by result (" + method + ").",
		}, []string{"result"})
		for _, result := range reportResults {
			total.WithLabelValues(result)
		}
		seconds := prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "report_" + kind + "_duration_seconds", Help: "Time that servers took for a report of this kind (" + method + ").",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		})
		registerer.MustRegister(total, seconds)
		r.total[method], r.seconds[method] = total, seconds
	}
	r.dropped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "jobs_dropped_total", Help: "Jobs whose report, or the rest of it, no server will have.",
	}, []string{"why"})
	for _, why := range dropReasons {
		r.dropped.WithLabelValues(string(why))
	}
	registerer.MustRegister(r.dropped)
	return r
}

// Drop counts a job whose report was dropped.
func (r *Reports) Drop(why sender.DropReason) { r.dropped.WithLabelValues(string(why)).Inc() }

// Observe counts a report. How long one took that failed is not observed.
func (r *Reports) Observe(method string, took time.Duration, err error) {
	if err != nil {
		r.total[method].WithLabelValues("error").Inc()
		return
	}
	r.total[method].WithLabelValues("success").Inc()
	r.seconds[method].Observe(took.Seconds())
}
