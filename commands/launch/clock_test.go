package launch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/commands/job"
	"multirunner/common"
)

// Between two supervisors the clock was set: neither earlier nor later than its
// timeout is a job killed that hangs.
func TestAnAdoptedJobIsKilledAtItsTimeoutWhateverTheClockSays(t *testing.T) {
	for name, jump := range map[string]time.Duration{"not set": 0, "a day forward": 24 * time.Hour, "a day back": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.server.Close()
				l, leave := h.open()
				task := h.fetch(l)
				claim := h.claim(l, task).(*build)
				alive := claim.claim.Lock()
				h.claims = nil
				leave()
				const timeout, clock = time.Hour, 1000 * time.Hour
				info, err := json.Marshal(job.Info{
					V: job.InfoVersion, PID: 1 << 30, BootID: "boot", Timeout: common.Duration(timeout),
					Deadline: time.Now().Add(timeout), DeadlineClock: clock + timeout,
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(claim.dirs.Job, job.InfoName), info, 0o600); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				l, leave = h.open()
				defer leave()
				count := told(l)
				l.now = func() job.Moment {
					return job.Moment{Wall: time.Now().Add(jump), Boot: "boot", Clock: clock + time.Since(start)}
				}
				time.Sleep(10 * time.Minute) // without a supervisor
				if _, err := l.Recover([]*common.RunnerConfig{h.runner}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Until(start.Add(timeout + overtime - time.Second)))
				if n := count("does not end, killing it"); n != 0 {
					t.Errorf("killed before its time")
				}
				time.Sleep(2 * time.Second)
				if n := count("does not end, killing it"); n != 1 {
					t.Errorf("killed %d times when its time is over", n)
				}
				if err := alive.Unlock(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
