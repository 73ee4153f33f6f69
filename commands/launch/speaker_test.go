package launch

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// renewing is a server whose registration has another token than it was made
// with: no other one is known there.
type renewing struct {
	http.RoundTripper
	made  string
	known atomic.Pointer[string]
}

func (r *renewing) RoundTrip(req *http.Request) (*http.Response, error) {
	const header = "X-Runner-Token"
	changed := req.Clone(req.Context())
	token := "another"
	if req.Header.Get(header) == *r.known.Load() {
		token = r.made
	}
	changed.Header.Set(header, token)
	return r.RoundTripper.RoundTrip(changed)
}

// renew makes a launcher's server know the registration by another token.
func (h *house) renew(l *Launcher) (server *renewing, changed *common.RunnerConfig) {
	server = &renewing{RoundTripper: h.server.Transport(), made: h.runner.Token.Reveal()}
	server.known.Store(&server.made)
	l.o.Pool = network.NewPool(network.PoolOptions{Transport: server})
	again := *h.runner
	again.Token = common.NewSecret("renewed")
	return server, &again
}

func configOf(runners ...*common.RunnerConfig) *common.Config {
	config := common.DefaultConfig()
	config.Runners = runners
	return config
}

func TestAJobReportsWithTheTokenOfAReloadedConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		defer leave()
		server, changed := h.renew(l)
		l.Reconfigure(configOf(h.runner))
		task := h.fetch(l)
		claim := h.claim(l, task)
		h.ends(task, coordinator.StatusRunning)

		l.Reconfigure(configOf(changed))
		renewed := "renewed"
		server.known.Store(&renewed)
		h.ends(task, coordinator.StatusRunning) // a heartbeat with the old one would have ended it
		if kept, err := l.o.State.Credential(h.runner.ID()); err != nil || kept.Token != changed.Token {
			t.Errorf("on the disk: %v", err)
		}
		if err := l.FailClaim(t.Context(), supervisor.StartRequest{Runner: h.runner, Claim: claim, Task: task}, "no room"); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusFailure)
		if !strings.Contains(h.log(task), "no room") {
			t.Errorf("log:\n%s", h.log(task))
		}
	})
}

// The poll that brings a job may have been made before the reload.
func TestAJobThatAnOlderPollBroughtReportsWithTheNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		defer leave()
		server, changed := h.renew(l)
		task := h.fetch(l)
		l.Reconfigure(configOf(changed))
		renewed := "renewed"
		server.known.Store(&renewed)
		claim := h.claim(l, task) // of the old configuration
		if kept, err := l.o.State.Credential(h.runner.ID()); err != nil || kept.Token != changed.Token {
			t.Errorf("on the disk: %v", err)
		}
		if err := l.FailClaim(t.Context(), supervisor.StartRequest{Runner: h.runner, Claim: claim, Task: task}, "no"); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusFailure)
	})
}

func TestARecoveredJobReportsWithTheTokenOfTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		task := h.fetch(l)
		h.claim(l, task)
		leave()
		l, leave = h.open()
		defer leave()
		server, changed := h.renew(l)
		renewed := "renewed"
		server.known.Store(&renewed)
		h.recover(l, changed)
		h.ends(task, coordinator.StatusFailure)
		if text := h.log(task); !strings.Contains(text, "closed as failed") {
			t.Errorf("log:\n%s", text)
		}
	})
}

func TestWhatIsTrustedOutlivesTheRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		defer leave()
		h.runner.TLSCAFile, h.runner.InsecureSkipVerify = filepath.Join(h.root, "ca.pem"), true
		h.certificate()
		task := h.fetch(l)
		claim := h.claim(l, task).(*build)
		owner, err := l.owner(claim.claim, nil)
		if err != nil || credentialOf(owner) != credentialOf(h.runner) {
			t.Errorf("%+v, %v", owner, err)
		}
	})
}

// With a CA file that cannot be read for now.
func TestALivingJobIsWatchedAlsoWhenItCannotBeReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		task := h.fetch(l)
		claim := h.claim(l, task).(*build)
		alive := claim.claim.Lock()
		h.claims = nil // it outlives the launcher
		leave()

		h.runner.TLSCAFile = filepath.Join(h.root, "missing.pem")
		l, leave = h.open()
		defer leave()
		adopted, err := l.Recover([]*common.RunnerConfig{h.runner})
		if err != nil || len(adopted) != 1 || adopted[0].TaskID != task.GetId() {
			t.Fatalf("adopted %v, %v: it takes no slot", adopted, err)
		}
		time.Sleep(time.Minute)
		select {
		case <-adopted[0].Build.Done():
			t.Fatal("the slot is free, the job lives")
		default:
		}
		if err := alive.Unlock(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		<-adopted[0].Build.Done()
		h.ends(task, coordinator.StatusRunning) // by the server, which was not told
		h.certificate()
		h.ends(task, coordinator.StatusFailure)
		if left := h.left("jobs"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// Its registration left the configuration, and nothing is kept of it.
func TestALivingJobOfNobodyTakesASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		task := h.fetch(l)
		alive := h.claim(l, task).(*build).claim.Lock()
		h.claims = nil
		leave()
		for _, path := range h.left("credentials") {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		l, leave = h.open()
		defer leave()
		adopted, err := l.Recover(nil)
		if err != nil || len(adopted) != 1 {
			t.Fatalf("adopted %v, %v", adopted, err)
		}
		// It comes back.
		l.Reconfigure(configOf(h.runner))
		if err := alive.Unlock(); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusFailure)
	})
}
