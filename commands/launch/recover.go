package launch

import (
	"errors"
	"fmt"
	"time"

	"multirunner/commands/job"
	"multirunner/commands/state"
	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/helpers/backoff"
	"multirunner/helpers/flock"
	"multirunner/helpers/process"
	"multirunner/network/sender"
)

// adoptedLook is how often the lock of an adopted job is looked at: it is
// nobody's child, so nothing else tells that its process has ended.
const adoptedLook = 250 * time.Millisecond

// lockPatience is the longest time between looks at a lock that cannot be
// looked at.
const lockPatience = 30 * time.Second

// Recover deals with what earlier supervisors left: jobs whose process is
// gone are closed and reported, also those of registrations that have left
// the configuration; jobs that still run are given back for the supervisor to
// count. Call it once, before the supervisor runs.
func (l *Launcher) Recover(runners []*common.RunnerConfig) ([]supervisor.Adopted, error) {
	leftovers, err := l.o.State.Leftovers()
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	byID := map[common.RegistrationID]*common.RunnerConfig{}
	for _, runner := range runners {
		byID[runner.ID()] = runner
	}
	l.sweepAtStart(runners, leftovers)
	l.mu.Lock()
	l.configured = byID // so that jobs of theirs are reported with what it says
	l.mu.Unlock()
	var adopted []supervisor.Adopted
	busy := map[common.RegistrationID]bool{}
	adopt := func(b *build) {
		adopted = append(adopted, supervisor.Adopted{Runner: b.runner, TaskID: b.claim.TaskID, Build: b})
	}
	for _, left := range leftovers {
		if left.Claim == nil {
			l.discard(left)
			continue
		}
		runner, err := l.owner(left.Claim, byID)
		if foreign := l.foreign(left, err); foreign != nil {
			if b := l.leave(left, foreign); b != nil {
				adopt(b)
			}
			continue
		}
		if err != nil && !left.Alive {
			l.abandon(left, err)
			continue
		}
		busy[runner.ID()] = true
		l.spend(runner) // its end may have come between the claim and this
		b := l.newBuild(runner, left.Claim)
		b.timeout = b.timeLeft(runner)
		if !left.Alive {
			// Before the sender looks: it must not tell the server that the job lives.
			b.log.Info("Closing a job of an earlier run")
			b.sweep() // also when there is an end: who wrote it may not have come to this
			b.conclude(closing(nil, "the runner ended while the job ran",
				"##[error]The runner and this job's process ended while the job ran. The job is closed as failed by the next start of the runner."))
		}
		b.report(runner, true)
		if left.Alive {
			b.log.Info("A job of an earlier run still runs, taking it over")
			l.addLive(b)
			l.builds.Go(b.watch)
			adopt(b)
		}
	}
	l.retireSpent(runners, busy)
	l.configure(runners)
	if err := l.o.State.SweepBuilds(); err != nil {
		l.o.Log.WithError(err).Warn("Build directories of earlier jobs are left")
	}
	l.builds.Go(l.sweepOften)
	return adopted, nil
}

// timeLeft is what an adopted job has left of its timeout. The job keeps to the
// configuration of its start.
func (b *build) timeLeft(runner *common.RunnerConfig) time.Duration {
	if info, err := job.LoadInfo(b.dirs.Job); err == nil {
		if left, ok := info.Left(b.l.now()); ok {
			return left
		}
	}
	return runner.JobTimeout.Std()
}

// owner gives the registration of a claim: from the configuration, else as
// much as is needed to report, from the kept credential. With an error that is
// all but the credential.
func (l *Launcher) owner(c *state.Claim, byID map[common.RegistrationID]*common.RunnerConfig) (*common.RunnerConfig, error) {
	id := c.Registration()
	if runner := byID[id]; runner != nil {
		return runner, nil
	}
	runner := common.DefaultRunner()
	runner.Name, runner.URL, runner.UUID = c.UUID, c.URL, c.UUID
	kept, err := l.o.State.Credential(id)
	runner.Token, runner.TLSCAFile, runner.InsecureSkipVerify = kept.Token, kept.CAFile, kept.Insecure
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoCredential, err)
	}
	return runner, err
}

// discard removes a directory without a claim: the claim was not synced, so
// nothing was started.
func (l *Launcher) discard(left state.Left) {
	log := l.o.Log.WithField("job", left.Key).WithError(left.Err)
	if left.Alive || !errors.Is(left.Err, state.ErrNoClaim) {
		log.Error("A job directory of an earlier run has no claim that this program can read, it is left alone")
		return
	}
	if err := l.o.State.Discard(left.Key); err != nil {
		log.WithError(err).Error("A job directory without a claim is not removed")
	}
}

// abandon gives up on a job that nobody can report.
func (l *Launcher) abandon(left state.Left, why error) {
	log := l.log("", left.Claim).WithError(why)
	log.Error("A job of an earlier run cannot be reported, removing it; the server closes it by itself")
	l.dropped(sender.DroppedUnregistered)
	b := &build{l: l, claim: left.Claim, dirs: l.o.State.Dirs(left.Key), log: log, done: make(chan struct{})}
	b.sweep()
	b.removeStray()
	if err := b.finish(); err != nil {
		log.WithError(err).Error("What there was of the job is not removed")
	}
}

// watch looks after the living job of an earlier supervisor until its process
// lets go of the lock.
func (b *build) watch() {
	ended := make(chan struct{})
	b.l.builds.Go(func() { b.awaitLock(ended) })
	if !b.follow(ended, b.killAdopted) {
		return
	}
	b.conclude(closing(nil, "job process ended without a result",
		"##[error]The job's process ended without a result. The job is closed as failed; what it left running is ended."))
	b.log.WithField("result", supervisor.ResultName(b.result)).Info("Job process ended")
}

// awaitLock closes ended when the lock is ours, and returns then or when the
// launcher leaves. Trouble with the lock is told once, and looked at less often.
func (b *build) awaitLock(ended chan<- struct{}) {
	trouble := backoff.New(2*adoptedLook, lockPatience, 0, nil)
	told := ""
	look := time.NewTimer(adoptedLook)
	defer look.Stop()
	for {
		select {
		case <-b.l.leaving:
			return
		case <-look.C:
		}
		err := b.l.o.State.Retake(b.claim)
		wait := adoptedLook
		switch {
		case err == nil:
			close(ended)
			return
		case errors.Is(err, flock.ErrLocked):
			trouble.Reset()
			told = ""
		default:
			wait = trouble.Next()
			if told != err.Error() {
				told = err.Error()
				b.log.WithError(err).Errorf("The lock of the job cannot be looked at, so its end is not seen; trying again, at last every %s", lockPatience)
			}
		}
		look.Reset(wait)
	}
}

func (b *build) killAdopted() error {
	info, err := job.LoadInfo(b.dirs.Job)
	if err != nil {
		return err
	}
	if boot, err := process.BootID(); err != nil || boot != info.BootID {
		return errors.Join(err, errors.New("the job process is of another boot"))
	}
	return process.Kill(info.PID, info.Start)
}

var _ interface {
	supervisor.Dialer
	supervisor.KeyStore
	supervisor.ClaimStore
	supervisor.Starter
} = (*Launcher)(nil)

var _ supervisor.Build = (*build)(nil)
