package supervisor

import (
	"context"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network"
)

// fakeServer answers polls as Gitea does (each scope has a version that it
// gates on), as Forgejo does (a request key brings the same tasks again), and
// as neither does yet (it may hold polls). All is settable at run time.
type fakeServer struct {
	w   *world
	url string

	mu      sync.Mutex
	runners map[string]*fakeRunner
	nextID  int64
	// hold is how long it holds an empty poll, at most, and at most for what
	// the client says.
	hold      time.Duration
	latency   func() time.Duration
	hang      bool
	refuse    *network.Class // of FetchTask
	dropAfter func() bool    // lose the answer of a poll that got a task
	payload   string
	requests  []time.Time // polls and declarations
	open      int
	peak      int
}

// fakeRunner is one row of the server.
type fakeRunner struct {
	version   int64
	waiting   []int64
	byKey     map[string]int64
	committed []int64
	polls     []poll
	open      int
	declared  [][]string
	gone      bool
	changed   chan struct{}
}

type poll struct {
	start, end time.Time
	version    int64
	hold       time.Duration
	key        string
	task       int64
}

const plainPayload = "name: w\non: push\njobs:\n  j:\n    runs-on: linux\n    steps: []\n"

func (s *fakeServer) runner(uuid string) *fakeRunner {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runners[uuid]
	if r == nil {
		r = &fakeRunner{version: 1, byKey: map[string]int64{}, changed: make(chan struct{})}
		s.runners[uuid] = r
	}
	return r
}

func (s *fakeServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// submit gives a job to a registration and wakes it, as the insertion of a
// run does.
func (s *fakeServer) submit(uuid string, n int) (ids []int64) {
	r := s.runner(uuid)
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.nextID++
		r.waiting = append(r.waiting, s.nextID)
		ids = append(ids, s.nextID)
	}
	r.version++ // one bump may stand for many jobs
	close(r.changed)
	r.changed = make(chan struct{})
	return ids
}

// asked is the number of polls and declarations so far.
func (s *fakeServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *fakeServer) openNow() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *fakeServer) polls(uuid string) []poll {
	r := s.runner(uuid)
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]poll(nil), r.polls...)
}

type fakeClient struct {
	server *fakeServer
	uuid   string
}

func (c *fakeClient) Declare(ctx context.Context, _ string, labels []string) (network.Declared, error) {
	s, r := c.server, c.server.runner(c.uuid)
	s.mu.Lock()
	s.requests = append(s.requests, time.Now())
	latency, hang, gone, refuse := s.delay(), s.hang, r.gone, s.refuse
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return network.Declared{}, classError{network.ClassTransport}
	}
	time.Sleep(latency)
	if gone {
		return network.Declared{}, classError{network.ClassUnregistered}
	}
	if refuse != nil {
		return network.Declared{}, classError{*refuse}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.declared = append(r.declared, labels)
	return network.Declared{Supported: true, Capabilities: []string{"job-summary"}}, nil
}

// delay needs the lock.
func (s *fakeServer) delay() time.Duration {
	if s.latency == nil {
		return 20 * time.Millisecond
	}
	return s.latency()
}

func (c *fakeClient) FetchTask(ctx context.Context, req network.FetchRequest) (network.FetchAnswer, error) {
	s, r := c.server, c.server.runner(c.uuid)
	if ctx.Done() != nil {
		s.w.t.Error("FetchTask got a context that somebody can end")
	}
	if req.Patience != req.Hold+grace {
		s.w.t.Errorf("hold %s with patience %s", req.Hold, req.Patience)
	}
	start := time.Now()
	s.mu.Lock()
	s.requests = append(s.requests, start)
	s.open++
	s.peak = max(s.peak, s.open)
	r.open++
	if r.open > 1 {
		s.w.t.Errorf("%s has %d polls in flight", c.uuid, r.open)
	}
	r.polls = append(r.polls, poll{start: start, version: req.Version, hold: req.Hold, key: req.Key})
	n := len(r.polls) - 1
	s.mu.Unlock()

	task, version, err := s.answer(r, req, start)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	r.open--
	r.polls[n].end = time.Now()
	r.polls[n].task = task
	answer := network.FetchAnswer{Version: version, Elapsed: time.Since(start)}
	if err == nil && task != 0 {
		payload := s.payload
		if payload == "" {
			payload = plainPayload
		}
		answer.Tasks = []*runnerv1.Task{{Id: task, WorkflowPayload: []byte(payload)}}
	}
	return answer, err
}

func (s *fakeServer) answer(r *fakeRunner, req network.FetchRequest, start time.Time) (task, version int64, err error) {
	s.mu.Lock()
	latency, hang := s.delay(), s.hang
	s.mu.Unlock()
	if hang {
		time.Sleep(req.Patience)
		return 0, 0, classError{network.ClassPatience}
	}
	if latency > req.Patience {
		// It looks at once and answers too late: what it gave is ours.
		s.try(r, req)
		time.Sleep(req.Patience)
		return 0, 0, classError{network.ClassPatience}
	}
	time.Sleep(latency)
	holdEnd := start.Add(min(s.holdNow(), req.Hold))
	for {
		task, version, changed, err := s.try(r, req)
		wait := time.Until(holdEnd)
		if task != 0 || err != nil || wait <= 0 {
			return task, version, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (s *fakeServer) holdNow() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hold
}

// try is one look at what waits.
func (s *fakeServer) try(r *fakeRunner, req network.FetchRequest) (task, version int64, changed chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.gone:
		return 0, 0, nil, classError{network.ClassUnregistered}
	case s.refuse != nil:
		return 0, 0, nil, classError{*s.refuse}
	case r.byKey[req.Key] != 0:
		return r.byKey[req.Key], 0, nil, nil
	case req.Version == r.version || len(r.waiting) == 0:
		return 0, r.version, r.changed, nil
	}
	task = r.waiting[0]
	r.waiting = r.waiting[1:]
	r.committed = append(r.committed, task)
	r.byKey[req.Key] = task
	if s.dropAfter != nil && s.dropAfter() {
		return 0, 0, nil, &network.TransportError{Sent: true, Err: classError{network.ClassTransport}}
	}
	return task, r.version, nil, nil
}
