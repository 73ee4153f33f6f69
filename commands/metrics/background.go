package metrics

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

// costShare bounds what collecting may cost: after one that took a second the
// next one starts 20 seconds later at the earliest.
const costShare = 20

// Gauge is one value that a Source collected.
type Gauge struct {
	Family *Family
	Value  float64
	Label  string // value of the family's label, if it has one
}

// Family is a gauge that is filled in the background.
type Family struct {
	Name, Help string
	Label      string // its one label, or ""

	desc *prometheus.Desc
}

func newFamily(name, label, help string) *Family {
	f := &Family{Name: name, Label: label, Help: help}
	var labels []string
	if label != "" {
		labels = []string{label}
	}
	f.desc = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	return f
}

// Source is something that is costly to learn, or may hang.
type Source struct {
	Name     string // value of the label collector
	Every    time.Duration
	Families []*Family
	// Collect gives all values of the families. After an error the values of
	// before stay. It is called by one goroutine, and has to heed ctx.
	Collect func(ctx context.Context) ([]Gauge, error)
}

// Background collects from sources, each at its own pace, and gives scrapes
// what was collected last: no source can slow one.
type Background struct {
	log      logrus.FieldLogger
	sources  []*source
	updated  *prometheus.Desc
	panicked func()
}

type source struct {
	Source
	last atomic.Pointer[collected]
}

// collected is what a source gave, once.
type collected struct {
	gauges []Gauge
	at     time.Time
}

// NewBackground makes the families and registers them. Nothing is collected
// before Run. panicked is told of panics of sources; it may be nil.
func NewBackground(registerer prometheus.Registerer, log logrus.FieldLogger, panicked func(), sources ...Source) *Background {
	b := &Background{log: log, panicked: panicked, updated: prometheus.NewDesc(
		prometheus.BuildFQName(namespace, "", "metrics_last_updated"),
		"When values that are collected in the background were collected last (Unix time), 0 for never.",
		[]string{"collector"}, nil,
	)}
	for _, s := range sources {
		b.sources = append(b.sources, &source{Source: s})
	}
	registerer.MustRegister(b)
	return b
}

// Describe implements prometheus.Collector.
func (b *Background) Describe(descs chan<- *prometheus.Desc) {
	descs <- b.updated
	for _, s := range b.sources {
		for _, f := range s.Families {
			descs <- f.desc
		}
	}
}

// Collect implements prometheus.Collector: it reads what is there, and waits
// for nothing.
func (b *Background) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range b.sources {
		at := 0.0
		if last := s.last.Load(); last != nil {
			at = float64(last.at.Unix())
			for _, g := range last.gauges {
				var labels []string
				if g.Family.Label != "" {
					labels = []string{g.Label}
				}
				metrics <- prometheus.MustNewConstMetric(g.Family.desc, prometheus.GaugeValue, g.Value, labels...)
			}
		}
		metrics <- prometheus.MustNewConstMetric(b.updated, prometheus.GaugeValue, at, s.Name)
	}
}

// Run collects until ctx is done.
func (b *Background) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range b.sources {
		wg.Go(func() { b.run(ctx, s) })
	}
	wg.Wait()
}

func (b *Background) run(ctx context.Context, s *source) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := time.Now()
		gauges, err := b.collect(ctx, s)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			b.log.WithField("collector", s.Name).WithError(err).Warn("Metrics cannot be collected; the last values stay.")
		default:
			s.last.Store(&collected{gauges: gauges, at: time.Now()})
		}
		timer.Reset(max(s.Every, costShare*time.Since(began)))
	}
}

// collect turns a panic into an error.
func (b *Background) collect(ctx context.Context, s *source) (gauges []Gauge, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			if b.panicked != nil {
				b.panicked()
			}
		}
	}()
	return s.Collect(ctx)
}
