// Package notify tells the service manager how the runner is: when it is
// ready, while it reloads, that it stops, and, for the watchdog, that its
// scheduler still turns.
package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// askEvery is how often the scheduler is asked, so that the status line is
	// up to date.
	askEvery = 5 * time.Second
	// It is asked at least this many times per watchdog interval, so that one
	// lost answer or a busy second does not end the runner.
	asksPerInterval = 3
	// A scheduler that starts may look for executors first, some of which take
	// their time.
	toleratedAtStart = 11
)

// Manager is who is told. sdnotify.Notifier is one.
type Manager interface {
	Enabled() bool
	// WatchdogInterval is zero when no watchdog waits to be fed.
	WatchdogInterval() time.Duration
	Ready(status string) error
	Reloading() error
	Stopping(status string) error
	Status(status string) error
	Watchdog() error
}

// Options are what a Reporter works with.
type Options struct {
	Manager Manager
	// Probe asks the scheduler for a sign of life, and gives a line about what
	// it does. It returns when it has an answer or ctx is done.
	Probe func(ctx context.Context) (status string, err error)
	Log   logrus.FieldLogger // may be nil
}

// Reporter reports on one runner. Its methods are safe for concurrent use.
type Reporter struct {
	manager  Manager
	probe    func(context.Context) (string, error)
	log      logrus.FieldLogger
	every    time.Duration
	patience time.Duration

	mu      sync.Mutex // held while a message is sent: none may overtake another
	phase   phase
	status  string // as it is shown
	reloads int    // under way
	failed  bool   // the last message did not get through, and the log says so
}

type phase int

const (
	starting phase = iota
	running
	stopping
)

// New makes a reporter that has said nothing yet.
func New(o Options) *Reporter {
	r := &Reporter{manager: o.Manager, probe: o.Probe, log: o.Log, every: askEvery}
	if r.log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		r.log = silent
	}
	if interval := o.Manager.WatchdogInterval(); interval > 0 {
		r.every = min(r.every, interval/asksPerInterval)
	}
	r.patience = r.every / 2 // an answer takes milliseconds when the scheduler is well
	return r
}

// Run says that the runner is ready as soon as its scheduler answers, and then
// feeds the watchdog for as long as it does. It returns when ctx is done, and
// at once when there is nobody to tell. Call it when the configuration is
// loaded, the state directory is held and the sockets are open.
func (r *Reporter) Run(ctx context.Context) {
	if !r.manager.Enabled() {
		return
	}
	ticker := time.NewTicker(r.every)
	defer ticker.Stop()
	failures := 0
	for {
		failures = r.ask(ctx, failures)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ask asks the scheduler for a sign of life and passes it on. It takes and
// gives how often there was none, one time after another; the log gets one
// line of that.
func (r *Reporter) ask(ctx context.Context, failures int) int {
	asking, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	status, err := r.probe(asking)
	if ctx.Err() != nil {
		return failures // nobody waits for an answer any more
	}
	tolerated := r.tolerated()
	if err == nil {
		if failures > tolerated {
			r.log.Info("The scheduler answers again.")
		}
		r.alive(status)
		return 0
	}
	if failures == tolerated {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", r.patience)
		}
		r.log.WithError(err).Error("The scheduler does not answer: until it does the service manager takes the runner for hung.")
	}
	return failures + 1
}

// tolerated is how many failures in a row are nothing to log.
func (r *Reporter) tolerated() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.phase {
	case starting:
		return toleratedAtStart
	case stopping:
		return math.MaxInt // the scheduler ends before the runner does
	}
	return 0
}

// alive passes a sign of life on; the first one makes the runner ready.
func (r *Reporter) alive(status string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.phase == starting:
		r.phase = running
		r.tell(r.manager.Ready(status))
	case status != r.status:
		r.tell(r.manager.Status(status))
	}
	r.status = status
	if r.manager.WatchdogInterval() > 0 {
		r.tell(r.manager.Watchdog())
	}
}

// Reload says that the runner reloads while load runs. Before it is ready, and
// when it stops, load runs without a word.
func (r *Reporter) Reload(load func()) {
	r.beginReload()
	defer r.endReload()
	load()
}

// Leave says that the runner reloads, with what it does, and does it. When that
// succeeds the next program says that the runner is ready.
func (r *Reporter) Leave(status string, do func() error) error {
	r.beginReload()
	r.mu.Lock()
	if r.phase == running {
		r.status = status
		r.tell(r.manager.Status(status))
	}
	r.mu.Unlock()
	err := do()
	if err != nil {
		r.endReload()
	}
	return err
}

func (r *Reporter) beginReload() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reloads++
	if r.phase == running && r.reloads == 1 {
		r.tell(r.manager.Reloading())
	}
}

func (r *Reporter) endReload() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reloads--
	if r.phase == running && r.reloads == 0 {
		r.tell(r.manager.Ready(""))
	}
}

// Stopping says that the runner stops; status says how. Of several calls the
// first one counts. Later answers of the scheduler change the status.
func (r *Reporter) Stopping(status string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == stopping {
		return
	}
	r.phase, r.status = stopping, status
	r.tell(r.manager.Stopping(status))
}

// tell notes whether a message got through: the log is told of the first one
// that did not.
func (r *Reporter) tell(err error) {
	if err != nil && !r.failed {
		r.log.WithError(err).Warn("The service manager cannot be told how the runner is; it may restart it.")
	}
	r.failed = err != nil
}
