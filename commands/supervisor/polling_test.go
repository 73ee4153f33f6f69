package supervisor

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
	"multirunner/network/coordinator"
)

func TestAStopWhilePollingOrphansNoTask(t *testing.T) { stopsWhilePolling(t, seedOf(t), 100) }

// stopsWhilePolling stops a supervisor so many times while polls are answered,
// held, or on their way, and starts the next one. Every task that the server
// hands out reaches a build or a report of the supervisor that asked for it:
// nobody else would ever hear of it.
func stopsWhilePolling(t *testing.T, seed uint64, cycles int) {
	for _, forgejo := range []bool{false, true} {
		t.Run(fmt.Sprintf("Forgejo %t", forgejo), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRealWorld(t, seed)
				w.config.Concurrent = 3
				w.config.CheckInterval = common.Duration(100 * time.Millisecond)
				w.duration = func(*runnerv1.Task) time.Duration { return 300 * time.Millisecond }
				s := w.start("one.example", forgejo)
				for i := range 3 {
					w.join("one.example", fmt.Sprint("r", i))
				}
				for i := range cycles {
					w.cycle(s)
					for _, task := range s.Tasks() {
						if !w.handled("http://one.example", task.ID) {
							t.Fatalf("cycle %d: task %d is an orphan", i, task.ID)
						}
					}
					if n := s.Stats(coordinator.FetchTask).InFlight; n > 0 {
						t.Fatalf("cycle %d: %d polls are given up", i, n)
					}
				}
				t.Logf("%d cycles, %d tasks", cycles, len(s.Tasks()))
				if len(s.Tasks()) < cycles/2 {
					t.Error("too few tasks to tell")
				}
				s.Close()
			})
		})
	}
}

// cycle is the life of one supervisor: it polls a server that answers after a
// while, and is stopped around the moment at which a job comes.
func (w *realWorld) cycle(s *coordinator.Server) {
	ms := func(n int) time.Duration { return time.Duration(w.rand.IntN(n)) * time.Millisecond }
	fault := coordinator.Fault{Delay: ms(300), DelayClaim: ms(300), DelayAnswer: ms(300)}
	if w.rand.IntN(2) == 0 {
		fault.Hold = 10 * time.Second
	}
	remove := s.Fault(coordinator.FetchTask, fault)
	defer remove()
	w.begin()
	time.Sleep(500*time.Millisecond + ms(1000))
	request := []StopRequest{StopDrain, StopTerminate, StopCancelJobs}[w.rand.IntN(3)]
	before, after := ms(400), ms(400)
	for range 1 + w.rand.IntN(3) {
		w.job("one.example", fmt.Sprint("r", w.rand.IntN(3)))
	}
	time.Sleep(before)
	w.stop <- request
	time.Sleep(after)
	w.job("one.example", fmt.Sprint("r", w.rand.IntN(3)))
	if err := <-w.ended; err != nil {
		w.t.Error(err)
	}
	synctest.Wait()
}
