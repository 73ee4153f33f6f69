package engine

import (
	"context"
	"fmt"
	"strings"

	"multirunner/workflow/expression"
)

// hook is one of the scripts that the operator runs around every job.
type hook struct {
	name     string // the key in the configuration
	variable string // the name that GitHub gives it, in the registration's environment
	// always tells that it runs whatever the job's status is.
	always bool
}

var (
	hookStarted   = hook{name: "job_started", variable: "ACTIONS_RUNNER_HOOK_JOB_STARTED"}
	hookCompleted = hook{name: "job_completed", variable: "ACTIONS_RUNNER_HOOK_JOB_COMPLETED", always: true}
)

// runHook runs a hook if there is one, the configuration's rather than the
// environment's, as a step of its own that no context
// shows: it may use file commands, and its failure is the job's.
func (j *Job) runHook(h hook) {
	script := j.spec.Hooks.JobStarted
	if h == hookCompleted {
		script = j.spec.Hooks.JobCompleted
	}
	if script == "" {
		script = j.baseEnv.get(h.variable)
	}
	if script == "" {
		return
	}
	w := hookWork{h, script}
	j.runPhase(&phase{part: partHook, step: newStep(nil, j.frame, -1, h.name, w), condition: w.wanted, do: w.main})
}

type hookWork struct {
	hook
	script string
}

func (w hookWork) wanted(scope expression.Scope) (bool, error) {
	if w.always {
		return true, nil
	}
	ok, err := scope.Functions["success"].Call(nil)
	return ok.Truthy(), err
}

func (w hookWork) main(ctx context.Context, r *stepRun) result {
	r.job.rows.say("##[group]Run the runner's hook " + w.name + "\n" + w.script + "\n##[endgroup]")
	path, args, err := w.command(ctx, r)
	if err != nil {
		r.job.rows.fault(fmt.Sprintf("Hook %s: %v", w.name, err))
		return failure
	}
	status, err := r.exec(ctx, path, args, "")
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("hook %s: %w", w.name, err)
	}
	return r.report(ctx, status, err)
}

// command chooses the shell by the script's name. Anything but a shell script
// is run as it is.
func (w hookWork) command(ctx context.Context, r *stepRun) (string, []string, error) {
	switch {
	case strings.HasSuffix(w.script, ".sh"):
		sh, err := r.firstShell(ctx, "-e {0}", "bash", "sh")
		return sh.path, sh.arguments(w.script, r.job.machine), err
	case strings.HasSuffix(w.script, ".ps1"):
		sh, err := r.firstShell(ctx, builtins["pwsh"].arguments, "pwsh", "powershell")
		return sh.path, sh.arguments(w.script, r.job.machine), err
	}
	return w.script, nil, nil
}
