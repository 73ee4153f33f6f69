package coordinator_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network/coordinator"
)

// drain gives the kinds of everything that is queued.
func drain(sub *coordinator.Subscription) (kinds []coordinator.EventKind, events []coordinator.Event) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		event, ok := sub.Next(ctx)
		if !ok {
			return kinds, events
		}
		kinds, events = append(kinds, event.Kind), append(events, event)
	}
}

func TestEventsOfAJob(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	sub := b.Events()
	r := b.runner(coordinator.RunnerSpec{})
	runID, jobID := b.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(payload)})
	id := r.mustFetch().GetId()
	running := &runnerv1.TaskState{Id: id, Steps: []*runnerv1.StepState{{Id: 0, StartedAt: at(0)}}}
	r.update(running)
	r.update(running) // a heartbeat changes nothing
	for range 2 {     // nor do rows that are there
		if _, err := r.log(id, 0, 2, false); err != nil {
			t.Fatal(err)
		}
	}
	r.finish(id, success, nil)
	sub.Close() // what is queued stays
	kinds, events := drain(sub)
	if want := []coordinator.EventKind{
		coordinator.RunPlanned, coordinator.JobPlanned, coordinator.JobPicked, coordinator.StateChanged,
		coordinator.LogRows, coordinator.StateChanged, coordinator.JobFinished, coordinator.RunFinished,
	}; !slices.Equal(kinds, want) {
		t.Fatalf("events %v, want %v", kinds, want)
	}
	for i, event := range events {
		if event.RunID != runID || i > 0 && i < len(events)-1 && event.Job.ID != jobID {
			t.Errorf("event %d: %+v", i, event)
		}
	}
	if rows := events[4]; len(rows.Rows) != 2 || rows.FirstRow != 0 || rows.Task.ID != id {
		t.Errorf("rows %+v", rows)
	}
	if last := events[len(events)-1]; last.Status != coordinator.StatusSuccess {
		t.Errorf("last %+v", last)
	}
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, coordinator.Options{})
		sub := b.Events()
		time.AfterFunc(time.Second, func() { b.enqueue() })
		start := time.Now()
		if event, ok := sub.Next(t.Context()); !ok || event.Kind != coordinator.RunPlanned || time.Since(start) != time.Second {
			t.Errorf("got %+v, %v after %v", event, ok, time.Since(start))
		}
		drain(sub)
		time.AfterFunc(time.Second, sub.Close)
		if _, ok := sub.Next(t.Context()); ok {
			t.Error("an event after the end")
		}
	})
}
