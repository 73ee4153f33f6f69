// Package upgrade replaces the program of a runner that runs: it asks the
// program on disk whether it can take over, keeps account of how far that is,
// and writes down what one program leaves to the next.
package upgrade

import (
	"errors"
	"sync"

	"github.com/google/uuid"

	"multirunner/commands/control"
)

// ErrUnsupported is why the runner cannot be upgraded in place.
var ErrUnsupported = errors.New("the program of this runner cannot be replaced while it runs: stop it, replace the file, start it")

// Tracker keeps account of the upgrades that this program was asked for. It is
// safe for concurrent use.
type Tracker struct {
	instance string
	replaced string
	asks     chan struct{}

	mu  sync.Mutex
	now control.Upgrade // Number 0: none yet
}

// NewTracker makes one for a program that has replaced another one of version
// replaced in this process, "" for none.
func NewTracker(replaced string) *Tracker {
	return &Tracker{instance: uuid.NewString(), replaced: replaced, asks: make(chan struct{}, 1)}
}

// Describe adds to a status what is known here.
func (t *Tracker) Describe(s *control.Status) {
	s.Instance, s.Replaced = t.instance, t.replaced
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now.Number > 0 {
		now := t.now
		s.Upgrade = &now
	}
}

// Ask begins an upgrade, unless one is under way, and gives it.
func (t *Tracker) Ask() control.Upgrade {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now.Number > 0 && t.now.Stage != control.UpgradeFailed {
		return t.now
	}
	t.now = control.Upgrade{Number: t.now.Number + 1, Stage: control.UpgradeChecking}
	select {
	case t.asks <- struct{}{}:
	default:
	}
	return t.now
}

// Asks has a value for an upgrade that was begun.
func (t *Tracker) Asks() <-chan struct{} { return t.asks }

// Update changes the upgrade that is under way.
func (t *Tracker) Update(change func(u *control.Upgrade)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.now)
}

// Fail ends the upgrade: the runner goes on as before.
func (t *Tracker) Fail(err error) {
	t.Update(func(u *control.Upgrade) {
		*u = control.Upgrade{Number: u.Number, Stage: control.UpgradeFailed, To: u.To, Error: err.Error()}
	})
}
