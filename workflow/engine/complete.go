package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// backgroundTime bounds the end of what the job left running.
	backgroundTime = time.Minute
	// cleanUpTime bounds the removal of what the executor made.
	cleanUpTime = 5 * time.Minute
	// killedTime bounds each of them in a job that was killed: the supervisor
	// gives it a minute.
	killedTime = 20 * time.Second

	maxOutputName  = 255     // bytes, of what servers take
	maxOutputValue = 1 << 20 // bytes
)

// complete ends the job after its last step; its rows are "Complete job".
// Background processes are ended first, so that nothing runs beside it.
func (j *Job) complete() {
	if !j.prepared {
		return
	}
	ctx, cancel := j.ending(backgroundTime)
	defer cancel()
	if err := j.executor.StopBackground(ctx); err != nil {
		j.rows.warn(fmt.Sprintf("Background processes of the job could not be ended: %v", err))
	}
	j.late.flush()
	if j.stop.killed() {
		return
	}
	j.reportOutputs()
	j.runHook(hookCompleted)
}

// ending gives the context of what is done at the end of every job, however it
// was stopped: only time ends it, and that is shorter from a kill on.
func (j *Job) ending(limit time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(j.base, limit)
	unhook := context.AfterFunc(j.stop.dead, func() {
		select {
		case <-time.After(killedTime):
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		unhook()
		cancel()
	}
}

// cleanUp removes what the executor made, whatever happened before.
func (j *Job) cleanUp() {
	defer j.releaseActions() // when no process can use them any more
	ctx, cancel := j.ending(cleanUpTime)
	defer cancel()
	if err := j.executor.Cleanup(ctx); err != nil {
		why := j.masker.Mask(err.Error()) // it names files, as the job did
		j.rows.warn("Not everything of the job could be removed: " + why)
		j.log.WithField(logrus.ErrorKey, why).Error("Not everything of the job could be removed")
	}
	j.late.flush()
}

// reportOutputs evaluates the job's outputs, each by itself: one that fails
// fails the job, and the others are reported.
func (j *Job) reportOutputs() {
	if j.def == nil {
		return
	}
	for _, name := range j.def.Outputs.Keys() {
		value, err := j.def.Outputs.Get(name).EvalString(j.scope(inJobOutputs, nil))
		if err != nil {
			j.rows.fault(err.Error())
			j.markFailed("output " + name + " could not be evaluated")
			continue
		}
		if why := j.refuseOutput(name, value); why != "" {
			j.rows.warn(fmt.Sprintf("The job's output %.255q is left out: %s.", name, why))
			continue
		}
		if value == "" {
			continue
		}
		if err := j.trace.Output(name, value); err != nil {
			j.log.WithError(err).WithField("output", name).Error("An output of the job could not be kept")
		}
	}
}

// refuseOutput says why an output may not be reported, "" when it may. What
// servers drop silently is told here.
func (j *Job) refuseOutput(name, value string) string {
	switch {
	case j.masker.Contains(value):
		return "it contains a secret"
	case len(name) > maxOutputName:
		return fmt.Sprintf("its name is longer than %d bytes", maxOutputName)
	case len(value) > maxOutputValue:
		return fmt.Sprintf("its value is larger than %s", sizeText(maxOutputValue))
	}
	return ""
}
