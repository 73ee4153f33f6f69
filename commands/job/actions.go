package job

import (
	"context"
	"path/filepath"
	"sync/atomic"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/workflow/action/store"
	"multirunner/workflow/engine"
)

// actionSource is the action store as the engine asks it. It implements
// engine.ActionSource for one job.
type actionSource struct {
	store      *store.Store
	instance   string
	server     string // as the server calls itself
	repository string
	token      common.Secret
	progress   atomic.Pointer[func(text string)] // of the call that runs
}

func newActionSource(spec *common.JobSpec, task *runnerv1.Task, log logrus.FieldLogger) *actionSource {
	context := task.GetContext().GetFields()
	a := &actionSource{
		instance:   spec.URL,
		server:     context["server_url"].GetStringValue(),
		repository: context["repository"].GetStringValue(),
		token:      common.NewSecret(context["token"].GetStringValue()),
	}
	a.store = store.Open(spec.Dirs.Actions, store.Options{
		Log: log, TLSCAFile: spec.TLSCAFile, InsecureInstance: spec.InsecureSkipVerify,
		MaxBytes: int64(spec.ActionsMaxBytes), Offline: spec.ActionsOffline, Progress: a.tell,
	})
	return a
}

// tell hands a line of the store to the call that runs.
func (a *actionSource) tell(text string) {
	if progress := a.progress.Load(); progress != nil {
		(*progress)(text)
	}
}

// Prepare implements engine.ActionSource.
func (a *actionSource) Prepare(ctx context.Context, requests []engine.ActionRequest, progress func(string)) ([]engine.PreparedAction, func(), error) {
	a.progress.Store(&progress)
	defer a.progress.Store(nil)
	wanted := make([]store.Request, len(requests))
	for i, r := range requests {
		wanted[i] = store.Request{
			Reference: r.Reference, URL: r.URL, InstanceURL: a.instance, ServerURL: a.server, Repository: a.repository, Token: a.token,
		}
	}
	got, err := a.store.Prepare(ctx, wanted)
	if err != nil {
		return nil, nil, err
	}
	prepared := make([]engine.PreparedAction, len(got.Actions))
	for i, action := range got.Actions {
		prepared[i] = engine.PreparedAction{Dir: action.Root, Commit: action.Commit}
	}
	return prepared, got.Release, nil
}

func (a *actionSource) close() { a.store.Close() }

// resolveDirs follows links in the directories of a job. What its processes
// say of their own paths then is what the runner calls them too: node gives an
// action the real path of its file.
func resolveDirs(dirs *common.JobDirs) {
	for _, dir := range []*string{&dirs.Actions, &dirs.Tools, &dirs.Build} {
		// What is not there yet is made below the directory above it.
		if real, err := filepath.EvalSymlinks(*dir); err == nil {
			*dir = real
		} else if real, err := filepath.EvalSymlinks(filepath.Dir(*dir)); err == nil {
			*dir = filepath.Join(real, filepath.Base(*dir))
		}
	}
}
