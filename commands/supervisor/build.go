package supervisor

import (
	"errors"
	"fmt"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
)

// refusedByStop is the row of a task that arrived too late.
const refusedByStop = "The runner was told to stop when it got this job, so it did not start it."

// job is a claimed task on its way through a worker. The feeder owns it until
// it hands it out, and after the worker's ended event; between these the
// worker does.
type job struct {
	entry  *entry
	task   *runnerv1.Task
	claim  Claim
	held   reservations
	refuse string // the row that says why it is not started, or ""
	build  Build  // of an adopted job

	capabilities []string

	// The feeder's.
	registration *registration
	slot         bool // it occupies one
	since        time.Time
	choice       Choice // as the worker told; for people
}

func (j *job) request(choice Choice) StartRequest {
	return StartRequest{
		Runner:       j.entry.runner,
		Claim:        j.claim,
		Task:         j.task,
		Choice:       choice,
		Capabilities: j.capabilities,
	}
}

// started tells the feeder where a job runs.
type started struct {
	job    *job
	choice Choice
}

func (ev started) apply(*feeder, time.Time) {
	ev.job.choice = ev.choice
	ev.job.registration.release()
}

// ended tells the feeder that a job's slot is free. The worker is idle again.
type ended struct {
	job *job
	// unstarted says that something of this machine, not of the task, kept the
	// job from being started.
	unstarted bool
}

// payloadError is a fault of a task: others may be started.
type payloadError struct{ error }

func (ev ended) apply(f *feeder, now time.Time) {
	r := ev.job.registration
	f.slots.idle++
	if ev.job.slot {
		f.slots.running--
	}
	delete(f.building, ev.job)
	f.lastEnd = now
	r.jobs--
	f.metrics.running(r.name(), f.jobsOf(r))
	if ev.unstarted {
		f.brake(r, now)
	}
	// Its limit may have kept it from polling. One that waits for a turn keeps
	// its place.
	if r.inReady == 0 || ev.unstarted {
		f.settle(r, now)
	}
}

// processJob starts a job and watches it to its end. Whatever happens, it
// reports.
func (s *Supervisor) processJob(j *job) ended {
	log := s.logFor(j.entry).WithField("task", j.task.GetId())
	defer s.shielded(log, func() { j.held.release() })
	began := time.Now()
	build := j.build
	if build == nil {
		var unstarted bool
		if build, unstarted = s.startBuild(j); build == nil {
			s.metrics.job(j.entry.runner.Name, runnerv1.Result_RESULT_FAILURE, time.Since(began))
			return ended{job: j, unstarted: unstarted}
		}
	}
	if !s.watchBuild(j, build) {
		return ended{job: j}
	}
	result := runnerv1.Result_RESULT_FAILURE
	s.shielded(log, func() { result = build.Result() })
	s.metrics.job(j.entry.runner.Name, result, time.Since(began))
	elapsed := time.Since(began)
	log.WithFields(logrus.Fields{"result": ResultName(result), "duration": elapsed.Seconds()}).Infof("Job ended after %s.", elapsed.Round(time.Millisecond))
	return ended{job: j}
}

// startBuild gives nil after a refusal, which it has reported; unstarted is as
// in ended.
func (s *Supervisor) startBuild(j *job) (started Build, unstarted bool) {
	log := s.logFor(j.entry).WithField("task", j.task.GetId())
	choice := Choice{Executor: j.entry.labels.fallback}
	if j.refuse == "" {
		var build Build
		err := s.guarded(log, func() (err error) {
			build, choice, err = s.tryStart(j)
			return err
		})
		if err == nil {
			return build, false
		}
		unstarted = !errors.As(err, new(payloadError))
		j.refuse = fmt.Sprintf("The runner could not start this job: %v", err)
		s.metrics.failure("start")
	}
	log.Errorf("Task is reported as failed: %s", j.refuse)
	err := s.guarded(log, func() error { return s.options.Starter.FailClaim(s.values, j.request(choice), j.refuse) })
	if err != nil {
		log.WithError(err).Error("That cannot be reported now; a claim on disk is closed at the next start.")
	}
	return nil, unstarted
}

func (s *Supervisor) tryStart(j *job) (Build, Choice, error) {
	names, err := runsOn(j.task)
	choice := j.entry.labels.choose(names)
	if err != nil {
		return nil, choice, payloadError{err}
	}
	if _, ok := j.held[choice.Executor]; !ok {
		// No label of the registration names it, or one that was not declared.
		more, err := s.acquireBuild(j.entry.runner, []string{choice.Executor})
		if err != nil {
			return nil, choice, err
		}
		if j.held == nil {
			j.held = reservations{}
		}
		j.held[choice.Executor] = more[choice.Executor]
	}
	j.held.keep(choice.Executor)
	build, err := s.options.Starter.Start(s.values, j.request(choice))
	if err != nil {
		return nil, choice, err
	}
	s.post(started{j, choice})
	return build, choice, nil
}

// watchBuild returns when the build has ended, or, with false, when it is left
// to the next supervisor.
func (s *Supervisor) watchBuild(j *job, build Build) bool {
	log := s.logFor(j.entry).WithField("task", j.task.GetId())
	stop := func(reason common.StopReason) {
		s.shielded(log, func() { build.Stop(reason) })
	}
	select {
	case <-build.Done():
		return true
	case <-s.leaving:
		return false
	case <-s.cancelling:
		stop(common.StopShutdown)
	}
	select {
	case <-build.Done():
		return true
	case <-s.killing:
		stop(common.StopKill)
	}
	<-build.Done()
	return true
}

// ResultName is what a result is called in metrics and logs.
func ResultName(r runnerv1.Result) string {
	switch r {
	case runnerv1.Result_RESULT_SUCCESS:
		return "success"
	case runnerv1.Result_RESULT_CANCELLED:
		return "cancelled"
	case runnerv1.Result_RESULT_SKIPPED:
		return "skipped"
	}
	return "failure"
}
