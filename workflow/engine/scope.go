package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"multirunner/common"
	"multirunner/workflow/engine/hashfiles"
	"multirunner/workflow/expression"
)

// hashFilesTime bounds one call of hashFiles (GitHub: HashFilesFunction.cs).
const hashFilesTime = 120 * time.Second

// scope gives what expressions see at a place. r is nil outside of steps.
func (j *Job) scope(p place, r *stepRun) expression.Scope {
	if r == nil {
		return j.scopeIn(p, nil, j.frame)
	}
	return j.scopeIn(p, r, r.step.frame)
}

// scopeIn gives what expressions of a step see at a place if they stand among
// the steps of a frame, which need not be the one that the step itself is in.
func (j *Job) scopeIn(p place, r *stepRun, f *frame) expression.Scope {
	return expression.Scope{
		Contexts:  p.contexts,
		Functions: j.functions(p, f),
		Lookup: func(name string) (expression.Value, bool) {
			if !p.has(name) {
				return expression.Null, false
			}
			return j.lookup(name, r, f), true
		},
	}
}

// lookup gives a context as it is now.
func (j *Job) lookup(name string, r *stepRun, f *frame) expression.Value {
	switch name {
	case "github", "gitea", "forge", "forgejo":
		return j.github(r, f)
	case "env":
		return j.envContext(r)
	case "steps":
		return j.stepsContext(f)
	case "inputs":
		return j.inputsContext(f)
	case "job":
		return expression.NewObject(append(pairsOf("status", string(j.status())), j.contexts.job...)...)
	}
	return j.contexts.fixed[name]
}

// github adds what is different in every step. Pairs that come later win.
func (j *Job) github(r *stepRun, f *frame) expression.Value {
	if r == nil {
		return expression.NewObject(j.contexts.github...)
	}
	pairs := make([]expression.Pair, len(j.contexts.github), len(j.contexts.github)+12)
	copy(pairs, j.contexts.github)
	if f.embedded() {
		pairs = append(pairs, pairsOf("action_path", f.path, "action_status", string(j.actionStatus(f)))...)
	}
	repository, ref := r.step.origin()
	pairs = append(pairs, pairsOf(
		"action_repository", repository,
		"action_ref", ref,
		"action", r.step.action,
	)...)
	return expression.NewObject(append(pairs, r.files.contextPairs()...)...)
}

func (j *Job) envContext(r *stepRun) expression.Value {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r == nil {
		return j.env.context()
	}
	return r.env.context()
}

// functions gives the functions of a place. In a job's if the status is that of
// the jobs it needs, in a step that of the job so far, and in the main part of
// a composite action that of the action so far.
func (j *Job) functions(p place, f *frame) map[string]expression.Function {
	functions := make(map[string]expression.Function, 5)
	if p.status {
		status := j.status
		switch {
		case p.ofNeeds:
			status = j.needsStatus
		case f.embedded() && f.part == partMain:
			status = func() result { return j.actionStatus(f) }
		}
		functions["always"] = check(func() bool { return true })
		functions["success"] = check(func() bool { return status() == success })
		functions["failure"] = check(func() bool { return status() == failure })
		functions["cancelled"] = check(func() bool { return status() == cancelled })
	}
	if p.files {
		functions["hashfiles"] = expression.Function{MinArgs: 1, MaxArgs: -1, Call: j.hashFiles}
	}
	return functions
}

// check makes a status function. success and failure may be given names of
// jobs, which this runner does not tell apart.
func check(holds func() bool) expression.Function {
	return expression.Function{MaxArgs: -1, Call: func([]expression.Value) (expression.Value, error) {
		return expression.Bool(holds()), nil
	}}
}

// needsStatus sums up the results of the needed jobs: failure if one failed,
// else cancelled, and success only if all succeeded.
func (j *Job) needsStatus() result {
	sum := success
	for _, need := range j.task.GetNeeds() {
		switch r := resultOf(need.GetResult()); r {
		case failure:
			return failure
		case success:
		default:
			if sum != cancelled {
				sum = r
			}
		}
	}
	return sum
}

// hashFiles implements the function of that name over the job's workspace.
func (j *Job) hashFiles(args []expression.Value) (expression.Value, error) {
	patterns := make([]string, len(args))
	for i, arg := range args {
		patterns[i] = arg.Text()
	}
	follow := patterns[0] == "--follow-symbolic-links"
	if follow {
		patterns = patterns[1:]
	}
	ctx, cancel := context.WithTimeout(j.stop.ends, hashFilesTime)
	defer cancel()
	dir, err := j.openWorkspace()
	if errors.Is(err, fs.ErrNotExist) {
		return expression.String(""), nil
	}
	if err != nil {
		return expression.Null, err
	}
	defer dir.Close()
	sum, err := hashfiles.Sum(ctx, dir, patterns, follow)
	if err != nil {
		return expression.Null, err
	}
	return expression.String(sum), nil
}

// hostWorkspace is the workspace as this process sees it, wherever the job's
// commands run.
func (j *Job) hostWorkspace() string {
	if j.spec.Workspace.Mode == common.WorkspaceInPlace {
		return j.spec.Workspace.Source
	}
	return filepath.Join(j.spec.Dirs.Build, "work")
}

// openWorkspace opens hostWorkspace. A link that the job has put in its place
// does not lead out of the job's own directory.
func (j *Job) openWorkspace() (*os.Root, error) {
	if j.spec.Workspace.Mode == common.WorkspaceInPlace {
		return os.OpenRoot(j.hostWorkspace())
	}
	build, err := os.OpenRoot(j.spec.Dirs.Build)
	if err != nil {
		return nil, err
	}
	defer build.Close()
	return build.OpenRoot(filepath.Base(j.hostWorkspace()))
}
