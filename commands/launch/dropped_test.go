package launch

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/network/coordinator"
	"multirunner/network/sender"
)

// With a server that is gone for good, and with one that knows nothing.
func TestAJobThatNobodyWillTakeIsRemovedAndCounted(t *testing.T) {
	for want, lose := range map[sender.DropReason]func(h *house, l *Launcher){
		sender.DroppedAge: func(h *house, l *Launcher) {
			h.server.Fault(coordinator.UpdateLog, coordinator.Fault{Reset: true})
			h.server.Fault(coordinator.UpdateTask, coordinator.Fault{Reset: true})
		},
		sender.DroppedUnregistered: func(h *house, l *Launcher) {
			if err := h.server.DeleteRunner(h.runner.UUID); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(string(want), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.server.Close()
				l, leave := h.open()
				defer leave()
				var dropped []sender.DropReason
				l.o.Dropped = func(why sender.DropReason) { dropped = append(dropped, why) }
				config := configOf(h.runner)
				config.Reporting.SpoolMaxAge = common.Duration(2 * time.Hour)
				l.Reconfigure(config)
				task := h.fetch(l)
				claim := h.claim(l, task)
				lose(h, l)
				if err := l.FailClaim(t.Context(), supervisor.StartRequest{Runner: h.runner, Claim: claim, Task: task}, "no"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Hour)
				synctest.Wait()
				if len(dropped) != 1 || dropped[0] != want {
					t.Errorf("dropped: %v", dropped)
				}
				if left := h.left("jobs"); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				if !l.Seen(h.server.URL(), task.GetId()) {
					t.Error("it could start again")
				}
			})
		})
	}
}

// Of a dead job, whose registration left the configuration, nothing is kept.
func TestADeadJobOfNobodyIsRemovedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		h.claim(l, h.fetch(l))
		leave()
		for _, path := range h.left("credentials") {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		l, leave = h.open()
		defer leave()
		var dropped []sender.DropReason
		l.o.Dropped = func(why sender.DropReason) { dropped = append(dropped, why) }
		h.recover(l)
		if len(dropped) != 1 || dropped[0] != sender.DroppedUnregistered || len(h.left("jobs")) > 0 {
			t.Errorf("dropped %v, left %v", dropped, h.left("jobs"))
		}
	})
}
