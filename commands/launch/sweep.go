package launch

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"multirunner/commands/job"
	"multirunner/helpers/process"
)

// sweepPatience bounds the hunt for what a dead job process left running.
const sweepPatience = 30 * time.Second

// sweep ends the processes that a dead job process left. A job process that
// came to its end has done so itself.
func (b *build) sweep() {
	info, err := job.LoadInfo(b.dirs.Job)
	if errors.Is(err, fs.ErrNotExist) {
		return // it never came to start anything
	}
	if err != nil {
		b.log.WithError(err).Error("What the job left running cannot be found")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepPatience)
	defer cancel()
	if info.Cgroup != "" {
		if err := process.KillCgroup(ctx, info.Cgroup); err != nil {
			b.log.WithError(err).Warn("Cgroup of the job not removed")
		}
	}
	killed, err := process.SweepEnv(ctx, "RUNNER_TRACKING_ID", info.TrackingID)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		b.log.WithError(err).Error("Processes of the job are left")
	}
	if killed > 0 {
		b.log.WithField("processes", killed).Info("Processes that the job left were ended")
	}
}
