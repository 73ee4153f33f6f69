package launch

import (
	"sync"
	"testing"
	"testing/synctest"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/network/coordinator"
)

// retired collects what a launcher retires, and what of its task the server
// had by then.
type retired struct {
	mu    sync.Mutex
	names []string
	had   []coordinator.Status
}

func (r *retired) watch(h *house, l *Launcher, task *runnerv1.Task) {
	l.o.Retire = func(runner *common.RunnerConfig) {
		info, _ := h.server.Task(task.GetId())
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names, r.had = append(r.names, runner.Name), append(r.had, info.Status)
	}
}

func (r *retired) once(t *testing.T, when string, want coordinator.Status) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.names) != 1 || r.names[0] != "a" || r.had[0] != want {
		t.Errorf("%s: retired %v when the server had %v, want it once, with %v", when, r.names, r.had, want)
	}
	r.names, r.had = nil, nil
}

func (h *house) spent(l *Launcher) int {
	h.t.Helper()
	ids, err := l.o.State.Spent()
	if err != nil {
		h.t.Fatal(err)
	}
	return len(ids)
}

func TestAnEphemeralRegistrationIsRetiredWhenTheServerHasItsResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		h.runner.Ephemeral = true
		l, leave := h.open()
		task := h.fetch(l)
		var r retired
		r.watch(h, l, task)
		claim := h.claim(l, task)
		if h.spent(l) != 1 {
			t.Error("that it is spent is not on disk with the claim")
		}
		synctest.Wait()
		if len(r.names) != 0 {
			t.Error("retired before its job")
		}
		if err := l.FailClaim(t.Context(), supervisor.StartRequest{Runner: h.runner, Claim: claim, Task: task}, "no"); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusFailure)
		r.once(t, "after its job", coordinator.StatusFailure)
		leave()

		// The configuration could not be written: the next start tries again.
		l, leave = h.open()
		r.watch(h, l, task)
		h.recover(l, h.runner)
		r.once(t, "at the next start", coordinator.StatusFailure)
		leave()
	})
}

func TestAnEphemeralRegistrationOfAnEarlierRunIsRetiredAfterItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		task := h.fetch(l)
		h.claim(l, task) // and the runner is killed before it has noted that the registration is spent
		leave()
		h.runner.Ephemeral = true
		l, leave = h.open()
		defer leave()
		var r retired
		r.watch(h, l, task)
		h.recover(l, h.runner)
		if h.spent(l) != 1 {
			t.Error("it is not spent")
		}
		h.ends(task, coordinator.StatusFailure)
		r.once(t, "after its job", coordinator.StatusFailure)
	})
}

func TestOtherRegistrationsAreNeverRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		defer leave()
		task := h.fetch(l)
		l.o.Retire = func(*common.RunnerConfig) { t.Error("retired") }
		claim := h.claim(l, task)
		if err := l.FailClaim(t.Context(), supervisor.StartRequest{Runner: h.runner, Claim: claim, Task: task}, "no"); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusFailure)
		if h.spent(l) != 0 {
			t.Error("it is spent")
		}
	})
}
