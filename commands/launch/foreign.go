package launch

import (
	"errors"

	"multirunner/commands/job"
	"multirunner/commands/state"
	"multirunner/common"
	"multirunner/network/spool"
)

// foreign tells why a job directory cannot be dealt with by this program: a
// file of it, or the credential of its registration, is of a version that it
// does not read. Nil is that it can.
func (l *Launcher) foreign(left state.Left, credential error) error {
	dir := l.o.State.Dirs(left.Key).Job
	_, info := job.LoadInfo(dir)
	var version *common.VersionError
	for _, err := range []error{credential, info, spool.Foreign(dir)} {
		if errors.As(err, &version) {
			return version
		}
	}
	return nil
}

// leave leaves a job to the version of this program that it is from. While it
// lives it takes a slot.
func (l *Launcher) leave(left state.Left, why error) *build {
	l.log("", left.Claim).WithError(why).Error("A job of an earlier run is left alone: it is neither reported nor removed until that version of the runner starts")
	if !left.Alive {
		if err := left.Claim.Lock().Unlock(); err != nil {
			l.log("", left.Claim).WithError(err).Error("Lock of the job not given up")
		}
		return nil
	}
	runner := common.DefaultRunner()
	runner.Name, runner.URL, runner.UUID = left.Claim.UUID, left.Claim.URL, left.Claim.UUID
	b := l.newBuild(runner, left.Claim)
	l.builds.Go(func() {
		ended := make(chan struct{})
		b.awaitLock(ended)
		select {
		case <-ended:
			if err := b.claim.Lock().Unlock(); err != nil {
				b.log.WithError(err).Error("Lock of the job not given up")
			}
		default: // leaving
		}
		close(b.done)
	})
	return b
}
