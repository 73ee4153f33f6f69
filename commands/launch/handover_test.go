package launch

import (
	"context"
	"testing"
	"testing/synctest"

	"multirunner/commands/state"
	"multirunner/common"
)

func TestWhatOnlyMemoryHoldsIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		first, _ := h.open()
		task := h.fetch(first)
		token := h.claim(first, task).(*build).token.Token
		now, cancel := context.WithCancel(context.Background())
		cancel()
		first.o.Sender.Close(now)
		given := first.HandOver()
		key := state.JobKey(h.runner.URL, task.GetId())
		if got := given.Runtimes[key]; token.IsZero() || got.Token != token || len(given.Children) != 0 {
			t.Errorf("handed over %+v", given)
		}
		first.o.Pool.Close()
		if err := first.o.State.Close(); err != nil {
			t.Fatal(err)
		}
		h.claims = nil

		// Its lock is free: a job without a process is not taken for a living one.
		second, leave := h.open()
		second.o.Runtimes = given.Runtimes
		adopted, err := second.Recover([]*common.RunnerConfig{h.runner})
		if err != nil || len(adopted) != 0 {
			t.Fatalf("adopted %v, %v", adopted, err)
		}
		synctest.Wait()
		leave()
	})
}
