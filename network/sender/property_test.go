package sender

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/network/spool"
)

// story is a random job with random faults around it.
type story struct {
	t      *testing.T
	rand   *rand.Rand
	server *fakeServer
	spool  *spool.Memory
	saved  []spool.Sent

	rows      []string
	outputs   map[string]string
	summaries map[int]string
	state     *runnerv1.TaskState
	starts    int // of senders
}

// TestEverythingArrivesOnceAndInOrderWhateverHappens claims that, whatever
// requests and answers are lost, however often the sender is replaced by one
// that knows little of what the last one did, the server has at the end every
// row once and in order, the true result, all outputs and summaries, and the
// log was closed before the final state.
func TestEverythingArrivesOnceAndInOrderWhateverHappens(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &story{
					t:         t,
					rand:      rand.New(rand.NewPCG(seed, 1)),
					server:    newFake(),
					spool:     spool.NewMemory(spool.Options{}),
					saved:     []spool.Sent{{}},
					outputs:   make(map[string]string),
					summaries: make(map[int]string),
					state:     new(runnerv1.TaskState),
				}
				s.play()
			})
		})
	}
}

func (s *story) chance(percent int) bool { return s.rand.IntN(100) < percent }

func (s *story) upTo(d time.Duration) time.Duration { return time.Duration(s.rand.Int64N(int64(d))) }

func (s *story) play() {
	s.server.old = s.chance(30)
	r := s.start()
	defer func() { r.close() }()
	job := make(chan struct{})
	jobRand := rand.New(rand.NewPCG(s.rand.Uint64(), 3))
	go func() {
		defer close(job)
		s.job(jobRand)
	}()
	faults := rand.New(rand.NewPCG(s.rand.Uint64(), 2)) // used under the server's lock
	away := time.Now()
	s.server.plan(func(string) fault {
		if time.Now().Before(away) {
			return fault{before: true}
		}
		if faults.IntN(40) == 0 {
			away = time.Now().Add(time.Duration(faults.Int64N(int64(3 * time.Minute))))
		}
		if n := len(s.server.rows); faults.IntN(60) == 0 && !s.server.archived {
			s.server.rows = s.server.rows[:n-faults.IntN(n/2+1)] // it loses rows
		}
		s.server.partial = max(0, faults.IntN(40)-20)
		f := fault{delay: time.Duration(faults.Int64N(int64(time.Second)))}
		switch faults.IntN(12) {
		case 0:
			f.before = true
		case 1, 2:
			f.after = true
		case 3:
			f.answer = wrapped("Internal", "database is locked")
		case 4:
			f.status = []int{500, 502, 503, 504}[faults.IntN(4)]
		case 5:
			f.delay = time.Minute // more than the client waits
		}
		return f
	})
	for running := true; running; {
		select {
		case <-job:
			running = false
		case <-time.After(s.upTo(2 * time.Minute)):
			r = s.restart(r)
		}
	}
	for s.chance(50) {
		time.Sleep(s.upTo(time.Minute))
		r = s.restart(r)
	}
	took := time.Since(r.began)
	s.server.plan(nil)
	s.server.set(func() { s.server.partial = 0 })
	r.handle.Wake()
	if outcome, _ := r.handle.Outcome(); outcome == Pending {
		r.delivered(10 * time.Minute)
	}
	s.check(took)
}

// start makes a sender from what one of the last ones stored.
func (s *story) start() *rig {
	s.starts++
	return newRig(s.t, s.spool, s.server, func(j *Job) {
		recent := s.saved[max(0, len(s.saved)-5):]
		j.Initial = recent[s.rand.IntN(len(recent))]
		j.Resumed = s.starts > 1
		j.SaveSent = func(sent spool.Sent) error {
			s.server.set(func() { s.saved = append(s.saved, sent) })
			return nil
		}
	})
}

func (s *story) restart(r *rig) *rig {
	select {
	case <-r.handle.Done():
		return r
	default:
	}
	r.leave()
	time.Sleep(s.upTo(10 * time.Second))
	return s.start()
}

// job writes a spool.
func (s *story) job(t *rand.Rand) {
	row := func(n int) {
		for range n {
			text := fmt.Sprint("line ", len(s.rows))
			s.rows = append(s.rows, text)
			s.must(s.spool.Row(time.Now(), text))
		}
	}
	row(t.IntN(5))
	for step := range t.IntN(8) {
		begun := &runnerv1.StepState{Id: int64(step), StartedAt: timestamppb.Now(), LogIndex: s.spool.Rows()}
		s.state.Steps = append(s.state.Steps, begun)
		s.must(s.spool.State(proto.CloneOf(s.state)))
		for range t.IntN(8) {
			time.Sleep(time.Duration(t.Int64N(int64(20 * time.Second))))
			row(t.IntN(60))
		}
		begun.Result, begun.StoppedAt = success, timestamppb.Now()
		begun.LogLength = s.spool.Rows() - begun.LogIndex
		s.must(s.spool.State(proto.CloneOf(s.state)))
		if t.IntN(2) == 0 {
			s.summaries[step] = fmt.Sprint("# step ", step)
			s.must(s.spool.Summary(step, []byte(s.summaries[step])))
		}
	}
	for i := range t.IntN(4) {
		name := fmt.Sprint("out", i)
		s.outputs[name] = fmt.Sprint(t.Uint64())
		s.must(s.spool.Output(name, s.outputs[name]))
	}
	row(t.IntN(3))
	s.state.Id = taskID
	s.state.Result = []runnerv1.Result{success, failure}[t.IntN(2)]
	s.state.StoppedAt = timestamppb.Now()
	s.must(s.spool.End(s.state, "story"))
}

func (s *story) must(err error) {
	if err != nil {
		s.t.Error(err)
	}
}

func (s *story) check(took time.Duration) {
	got := s.server.contents()
	if n := len(s.rows); len(got) == n+1 && got[n] == "" {
		got = got[:n] // the row that closed the log
	}
	if diff := cmp.Diff(append([]string{}, s.rows...), got); diff != "" {
		s.t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(s.state, s.server.last(), protocmp.Transform()); diff != "" {
		s.t.Errorf("final state (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(s.outputs, s.server.outputs); diff != "" {
		s.t.Errorf("outputs (-want +got):\n%s", diff)
	}
	for step, text := range s.server.summaries {
		// One may be given up after repeated failures of the server.
		if s.summaries[step] != text {
			s.t.Errorf("summary of step %d is %q", step, text)
		}
	}
	if !s.server.isArchived() {
		s.t.Error("the log is not closed")
	}
	closed := slices.IndexFunc(s.server.seen(""), func(c call) bool { return c.method == "UpdateLog" && c.log.NoMore })
	final := slices.IndexFunc(s.server.seen(""), func(c call) bool {
		return c.method == "UpdateTask" && c.task.State.Result != runnerv1.Result_RESULT_UNSPECIFIED
	})
	if closed < 0 || final < closed {
		s.t.Errorf("log closed with request %d, final state with %d", closed, final)
	}
	if n, most := len(s.server.seen("")), 100+30*s.starts+int(took.Seconds()); n > most {
		s.t.Errorf("%d requests in %v with %d senders, at most %d expected", n, took, s.starts, most)
	}
}
