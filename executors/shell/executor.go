package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/helpers/rmtree"
	"multirunner/helpers/tempdir"
)

// trackingVariable marks every process of a job, for the sweep after a crash.
const trackingVariable = "RUNNER_TRACKING_ID"

var errNotPrepared = errors.New("the executor is not prepared")

// Executor implements common.Executor on this machine.
type Executor struct {
	log    logrus.FieldLogger
	spec   *common.JobSpec
	family *process.Family
	user   *process.User // nil: this process's own
	paths  common.Paths
	env    []string

	mu   sync.Mutex
	temp *tempdir.Dir // from Prepare to Cleanup
}

// Paths implements common.Executor.
func (e *Executor) Paths() common.Paths { return e.paths }

// BaseEnv implements common.Executor.
func (e *Executor) BaseEnv() []string { return slices.Clone(e.env) }

// opened gives the temp directory, which is held open from Prepare on.
func (e *Executor) opened() (*tempdir.Dir, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.temp == nil {
		return nil, errNotPrepared
	}
	return e.temp, nil
}

// StopBackground implements common.Executor. It bounds itself, and ends the
// processes of a cancelled job too: that ctx is done is no reason to leave them.
// A command that runs meanwhile is ended as well.
func (e *Executor) StopBackground(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	return errors.Join(e.sweep(ctx), e.family.KillAll(ctx))
}

// sweep ends the processes that have got away from their group, where the
// family does not reach them.
func (e *Executor) sweep(ctx context.Context) error {
	if e.family.IsSubreaper() || e.spec.TrackingID == "" {
		return nil
	}
	found, err := process.SweepEnv(ctx, trackingVariable, e.spec.TrackingID)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if found > 0 {
		e.log.WithField("processes", found).Debug("Processes that the job left were ended")
	}
	return err
}

// Cleanup implements common.Executor. An in-place workspace stays.
func (e *Executor) Cleanup(ctx context.Context) error {
	err := e.StopBackground(ctx)
	e.mu.Lock()
	temp := e.temp
	e.temp = nil
	e.mu.Unlock()
	if temp != nil {
		err = errors.Join(err, temp.Close())
	}
	if rmErr := rmtree.Remove(e.spec.Dirs.Build); rmErr != nil {
		err = errors.Join(err, fmt.Errorf("files of the job are left: %w", rmErr))
	}
	return err
}
