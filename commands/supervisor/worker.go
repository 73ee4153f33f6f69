package supervisor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/network"
)

// What an executor and a declaration may take. Neither can lose a task.
const (
	acquireTimeout = 10 * time.Second
	declareTimeout = firstHold + grace
)

// processRunners is a worker: one of the goroutines that poll and that watch
// builds. It ends when it is told to, or when nothing more can come.
func (s *Supervisor) processRunners() {
	for work := range s.runners {
		switch {
		case work.grant != nil:
			s.post(s.processRunner(work.grant))
		case work.job != nil:
			s.post(s.processJob(work.job))
		default:
			return
		}
	}
}

// processRunner takes a turn of a registration. Whatever happens, it reports.
func (s *Supervisor) processRunner(g *grant) (rep report) {
	rep = report{grant: g, client: g.client, outcome: outcomeSkipped}
	log := s.logFor(g.entry)
	defer func() {
		if p := recover(); p != nil {
			rep.outcome, rep.err = outcomePanic, s.panicked(log, p)
			if len(rep.jobs) > 0 {
				rep.outcome = outcomeTask
			}
		}
	}()
	if s.Phase() != Running {
		return rep
	}
	if rep.client == nil {
		if rep.client, rep.err = s.options.Dialer.Dial(g.entry.runner); rep.err != nil {
			return s.fault(rep, "config")
		}
	}
	if g.declare {
		return s.declare(rep)
	}
	held, err := s.acquireBuild(g.entry.runner, g.entry.labels.executors)
	if err != nil {
		rep.err = err
		var noRoom *common.NoRoomError
		if errors.As(err, &noRoom) {
			s.metrics.failure("no_room")
			rep.outcome = outcomeNoRoom
			return rep
		}
		return s.fault(rep, "executor")
	}
	defer func() { // also after a panic
		if len(rep.jobs) > 0 {
			rep.jobs[0].held = held
			return
		}
		held.release()
	}()
	s.requestJob(&rep)
	return rep
}

func (s *Supervisor) fault(rep report, reason string) report {
	s.metrics.failure(reason)
	rep.outcome = outcomeFault
	return rep
}

// declare tells the server version and labels.
func (s *Supervisor) declare(rep report) report {
	ctx, cancel := context.WithTimeout(s.values, declareTimeout)
	defer cancel()
	rep.declared, rep.err = rep.client.Declare(ctx, s.options.Version, rep.grant.entry.labels.declared)
	rep.method, rep.outcome = "Declare", outcomeDeclared
	if rep.err != nil {
		rep.outcome = outcomeRefused
	}
	return rep
}

// requestJob polls, and claims what comes. The context that it polls with has
// values only: nothing but the poll's own patience ends it, since a task that
// is on its way would be lost.
func (s *Supervisor) requestJob(rep *report) {
	g := rep.grant
	key, err := s.options.Keys.Key(g.entry.id)
	if err != nil {
		// What cannot keep a key cannot keep a claim either.
		rep.err = err
		var noRoom *common.NoRoomError
		if errors.As(err, &noRoom) {
			s.metrics.failure("no_room")
			rep.outcome = outcomeNoRoom
			return
		}
		*rep = s.fault(*rep, "state")
		return
	}
	start := time.Now()
	answer, err := rep.client.FetchTask(s.values, network.FetchRequest{
		Version: g.version, Key: key, Hold: g.hold, Patience: g.hold + grace,
	})
	rep.elapsed, rep.version, rep.method = time.Since(start), answer.Version, "FetchTask"
	if err != nil {
		rep.outcome, rep.err = outcomeRefused, err
		return
	}
	rep.outcome = outcomeEmpty
	if len(answer.Tasks) == 0 {
		return
	}
	rep.outcome = outcomeDuplicate
	for _, task := range answer.Tasks {
		if j := s.claim(g.entry, task); j != nil {
			rep.jobs = append(rep.jobs, j)
			rep.outcome = outcomeTask
		}
	}
	if err := s.options.Keys.Done(g.entry.id); err != nil {
		s.logFor(g.entry).WithError(err).Error("The request key cannot be replaced on disk: after a restart the server may send the same task again, which is then left alone.")
	}
}

// claim makes a task ours; nil means that it was before.
func (s *Supervisor) claim(en *entry, task *runnerv1.Task) *job {
	log := s.logFor(en).WithField("task", task.GetId())
	j := &job{entry: en, task: task}
	err := s.guarded(log, func() (err error) {
		if s.options.Claims.Seen(en.id.URL, task.GetId()) {
			return ErrSeen
		}
		j.claim, err = s.options.Claims.Claim(en.runner, task)
		return err
	})
	if errors.Is(err, ErrSeen) {
		s.metrics.duplicate()
		log.Warn("The server sent a task that was claimed before. It is left alone.")
		return nil
	}
	if err != nil {
		log.WithError(err).Error("Task cannot be kept on disk, so it is not started.")
		s.metrics.failure("state")
		j.claim = nil
		j.refuse = fmt.Sprintf("The runner could not keep this job on its disk: %v", err)
		return j
	}
	log.Info("Task claimed.")
	return j
}

// reservations are the executors that were acquired for a build.
type reservations map[string]common.Reservation

func (held reservations) release() {
	for _, reservation := range held {
		reservation.Release()
	}
	clear(held)
}

// keep releases all but one.
func (held reservations) keep(executor string) {
	for name, reservation := range held {
		if name != executor {
			reservation.Release()
			delete(held, name)
		}
	}
}

// acquireBuild reserves room in every executor that a task of the
// registration may need. When one refuses, nothing is held.
func (s *Supervisor) acquireBuild(runner *common.RunnerConfig, executors []string) (reservations, error) {
	held, complete := reservations{}, false
	defer func() { // also after a panic
		if !complete {
			held.release()
		}
	}()
	ctx, cancel := context.WithTimeout(s.values, acquireTimeout)
	defer cancel()
	for _, name := range executors {
		provider, ok := s.options.Providers[name]
		if !ok {
			return nil, fmt.Errorf("no executor %q in this runner", name)
		}
		reservation, err := provider.Acquire(ctx, runner)
		if err != nil {
			return nil, fmt.Errorf("executor %s: %w", name, err)
		}
		held[name] = reservation
	}
	complete = true
	return held, nil
}

// panicked logs a panic with its stack, and counts it.
func (s *Supervisor) panicked(log logrus.FieldLogger, p any) error {
	s.metrics.failure("panic")
	log.WithField("stack", string(debug.Stack())).Errorf("Panic: %v. The rest of the runner goes on; please report this.", p)
	return fmt.Errorf("panic: %v", p)
}

// guarded runs what others wrote, and turns a panic into an error.
func (s *Supervisor) guarded(log logrus.FieldLogger, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(log, p)
		}
	}()
	return do()
}

// shielded is guarded for what has no error to give.
func (s *Supervisor) shielded(log logrus.FieldLogger, do func()) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(log, p)
		}
	}()
	do()
}

func (s *Supervisor) logFor(en *entry) logrus.FieldLogger {
	return s.log.WithFields(logrus.Fields{"runner": en.runner.Name, "host": en.host})
}
