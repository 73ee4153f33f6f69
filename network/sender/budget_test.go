package sender

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"multirunner/network"
	"multirunner/network/spool"
)

// fixedBudget stretches by a factor.
type fixedBudget struct {
	factor float64
	spent  atomic.Int64
}

func (b *fixedBudget) Spend()           { b.spent.Add(1) }
func (b *fixedBudget) Stretch() float64 { return b.factor }

func TestTheBudgetStretchesIntervalsButNotTransitionsAndEnds(t *testing.T) {
	for _, tt := range []struct {
		factor       float64
		logs, states time.Duration
	}{
		{factor: 2, logs: 6 * time.Second, states: 10 * time.Second},
		{factor: 30, logs: 15 * time.Second, states: 30 * time.Second},
	} {
		t.Run(fmt.Sprint(tt.factor), func(t *testing.T) {
			budget := &fixedBudget{factor: tt.factor}
			run(t, func(j *Job) { j.Budget = budget }, func(r *rig) {
				r.rows("a")
				r.handle.Wake()
				r.pass(31 * time.Second)
				if got := r.times("UpdateLog"); !slices.Equal(got, []time.Duration{tt.logs}) {
					t.Errorf("UpdateLog at %v, want at %v", got, tt.logs)
				}
				if got := r.times("UpdateTask"); got[0] != tt.states {
					t.Errorf("UpdateTask at %v, want first at %v", got, tt.states)
				}
				r.ok(r.spool.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 0)}}))
				r.rows("b")
				r.handle.Wake()
				r.pass(stateGap)
				if got := r.server.last(); len(got.Steps) != 1 {
					t.Error("the step transition waits")
				}
				r.end(success)
				r.delivered(time.Second)
				if int(budget.spent.Load()) != len(r.server.seen("")) {
					t.Errorf("%d requests counted, %d sent", budget.spent.Load(), len(r.server.seen("")))
				}
			})
		})
	}
}

func TestManyJobsStayWithinTheBudgetOfTheirEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const jobs, perSecond, minutes = 60, 12, 3
		log, _ := logtest.NewNullLogger()
		s := New(Options{Config: defaults, Log: log})
		server := new(fastServer)
		budget := network.NewBudget(0, perSecond).Reports
		spools := make([]*spool.Memory, jobs)
		for i := range spools {
			spools[i] = spool.NewMemory(spool.Options{})
			s.Add(Job{TaskID: int64(i + 1), Client: server, Source: spools[i], Budget: budget})
		}
		half := int64(0)
		for second := range minutes * 60 {
			for _, m := range spools {
				if err := m.Row(time.Now(), "a line"); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			if second == minutes*30 {
				half = server.requests.Load()
			}
		}
		// 60 jobs would send 60*(1/3+1/5) = 32 requests a second; what is
		// measured is the time after the intervals have settled.
		if got := float64(server.requests.Load()-half) / (minutes * 30); got > perSecond*1.1 || got < perSecond*0.7 {
			t.Errorf("%.1f requests a second with a budget of %d", got, perSecond)
		}
		for _, m := range spools {
			_ = m.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.Close(ctx)
	})
}
