package sender

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/network/spool"
)

func TestProgressIsTheLastStateOfTheSpool(t *testing.T) {
	run(t, nil, func(r *rig) {
		if got := r.sender.Progress(); len(got) != 1 || got[0].Key != "team-a" || got[0].State != nil {
			t.Errorf("before the first state: %+v", got)
		}
		r.ok(r.spool.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{{StartedAt: timestamppb.Now()}}}))
		r.ok(r.spool.Flush())
		r.pass(2 * time.Second)
		got := r.sender.Progress()
		if len(got) != 1 || len(got[0].State.GetSteps()) != 1 || got[0].State.Steps[0].StartedAt == nil {
			t.Errorf("with a step: %+v", got)
		}
		r.end(success)
		r.delivered(5 * time.Second)
		if got := r.sender.Progress(); len(got) != 0 {
			t.Errorf("after the end: %+v", got)
		}
	})
}

func TestFailedRequestsAndPanicsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		failed, panics, saves := map[string]int{}, 0, 0
		server, memory := newFake(), spool.NewMemory(spool.Options{})
		broken := true
		server.fault = func(method string) fault {
			if broken && method == "UpdateLog" {
				return fault{answer: errors.New("out of order")}
			}
			return fault{}
		}
		log, _ := logtest.NewNullLogger()
		s := New(Options{Config: defaults, Log: log, Panicked: func() { mu.Lock(); panics++; mu.Unlock() }})
		h := s.Add(Job{
			Key: "a", TaskID: taskID, Client: server.client(), Source: memory,
			Failed: func(method string) { mu.Lock(); failed[method]++; mu.Unlock() },
			SaveSent: func(spool.Sent) error {
				if saves++; saves == 1 {
					panic("boom")
				}
				return nil
			},
		})
		if err := errors.Join(memory.Row(time.Now(), "a"), memory.Flush()); err != nil {
			t.Fatal(err)
		}
		h.Wake()
		time.Sleep(10 * time.Second)
		server.mu.Lock()
		broken = false
		server.mu.Unlock()
		if err := memory.End(&runnerv1.TaskState{Result: success, StoppedAt: timestamppb.Now()}, "test"); err != nil {
			t.Fatal(err)
		}
		h.Wake()
		<-h.Done()
		s.Close(context.Background())
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
		if failed["UpdateLog"] == 0 || failed["UpdateTask"] != 0 || panics != 1 {
			t.Errorf("failed %v, %d panics", failed, panics)
		}
	})
}
