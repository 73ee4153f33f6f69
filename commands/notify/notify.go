// Package notify tells the service manager how the runner is: when it is
// ready, while it reloads, that it stops, and, for the watchdog, that its
// scheduler still turns.
package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// statusEvery is how often the status line is renewed when no watchdog
	// asks for a sign of life more often.
	statusEvery = 30 * time.Second
	// The scheduler is asked this many times per watchdog interval, so that
	// one lost answer or a busy second does not end the runner.
	asksPerInterval = 3
	// maxPatience bounds the wait for an answer of the scheduler, which takes
	// milliseconds when it is well.
	maxPatience = 10 * time.Second
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
	reloads int  // under way
	failed  bool // the last message did not get through, and the log says so
}

type phase int

const (
	starting phase = iota
	running
	stopping
)

// New makes a reporter that has said nothing yet.
func New(o Options) *Reporter {
	r := &Reporter{manager: o.Manager, probe: o.Probe, log: o.Log, every: statusEvery}
	if r.log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		r.log = silent
	}
	if interval := o.Manager.WatchdogInterval(); interval > 0 {
		r.every = min(r.every, interval/asksPerInterval)
	}
	r.patience = min(maxPatience, r.every/2)
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
	well := true
	for {
		well = r.ask(ctx, well)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ask asks the scheduler for a sign of life and passes it on. The log gets a
// line when the answer is another than the last time.
func (r *Reporter) ask(ctx context.Context, wasWell bool) (well bool) {
	asking, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	status, err := r.probe(asking)
	if ctx.Err() != nil {
		return wasWell // nobody waits for an answer any more
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", r.patience)
		}
		if wasWell && !r.isStopping() {
			r.log.WithError(err).Error("The scheduler does not answer: the service manager's watchdog is not fed until it does.")
		}
		return false
	}
	if !wasWell {
		r.log.Info("The scheduler answers again.")
	}
	r.alive(status)
	return true
}

func (r *Reporter) isStopping() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase == stopping
}

// alive passes a sign of life on; the first one makes the runner ready.
func (r *Reporter) alive(status string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == starting {
		r.phase = running
		r.tell(r.manager.Ready(status))
	} else {
		r.tell(r.manager.Status(status))
	}
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

// Stopping says that the runner stops; status says how. Only the status
// follows: a second call changes it.
func (r *Reporter) Stopping(status string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == stopping {
		r.tell(r.manager.Status(status))
		return
	}
	r.phase = stopping
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
