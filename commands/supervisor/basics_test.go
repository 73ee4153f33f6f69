package supervisor

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestATaskReachesABuildAndTheRestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(5 * time.Second)
		ids := s.submit("uuid-a", 3) // one version for three jobs
		submitted := time.Now()
		time.Sleep(10 * time.Minute)
		for i, id := range ids {
			wait := w.startOf(s, id).Sub(submitted)
			if limit := time.Duration(i)*time.Minute + 5*time.Second; wait < 0 || wait > limit {
				t.Errorf("task %d started after %s, want within %s", id, wait, limit)
			}
		}
		if err := w.end(StopDrain); err != nil {
			t.Error(err)
		}
	})
}
