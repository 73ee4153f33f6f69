package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"multirunner/common"
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
		script = j.operators().get(h.variable)
	}
	if script == "" {
		return
	}
	w := hookWork{h, script}
	j.runPhase(&phase{part: partHook, step: newStep(nil, j.frame, -1, h.name, w), condition: w.wanted, do: w.main})
}

// operators gives the variables that are the operator's, among others. In a
// container the base has those of the workflow and of its image too, which must
// not name what is run on this machine.
func (j *Job) operators() *variables {
	if !j.inContainer {
		return j.baseEnv
	}
	own := newVariables(j.machine.windows(), len(j.spec.Environment))
	own.addEnviron(j.spec.Environment)
	return own
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
	if host := r.job.host(); host != nil {
		return w.onHost(ctx, r, host)
	}
	path, args, err := w.command(ctx, r.job.executor, r.searchPath(), r.job.machine)
	if err != nil {
		r.job.rows.fault(fmt.Sprintf("Hook %s: %v", w.name, err))
		return failure
	}
	status, err := r.exec(ctx, path, args, "")
	return w.report(ctx, r, status, err)
}

func (w hookWork) report(ctx context.Context, r *stepRun, status common.ExitStatus, err error) result {
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("hook %s: %w", w.name, err)
	}
	return r.report(ctx, status, err)
}

// command chooses the shell by the script's name. Anything but a shell script
// is run as it is.
func (w hookWork) command(ctx context.Context, e common.Executor, path string, m MachineInfo) (string, []string, error) {
	var sh shell
	var err error
	switch {
	case strings.HasSuffix(w.script, ".sh"):
		sh, err = firstShell(ctx, e, path, "-e {0}", "bash", "sh")
	case strings.HasSuffix(w.script, ".ps1"):
		sh, err = firstShell(ctx, e, path, builtins["pwsh"].arguments, "pwsh", "powershell")
	default:
		return w.script, nil, nil
	}
	return sh.path, sh.arguments(w.script, m), err
}

// host is the executor of this machine when the job's commands run in a
// container, else nil.
func (j *Job) host() common.Executor {
	hosted, ok := j.executor.(common.Hosted)
	if !ok || !j.inContainer {
		return nil
	}
	return hosted.Host()
}

// onHost runs the hook on this machine, around a job in a container. The hook
// may have rights there that the job has not: so the workflow has no say in its
// environment, and it gets no files for variables and the like, whose directory
// is the job's too.
func (w hookWork) onHost(ctx context.Context, r *stepRun, host common.Executor) result {
	j := r.job
	machine := LocalMachine()
	env := newVariables(machine.windows(), 0)
	env.addEnviron(host.BaseEnv())
	path := env.get("PATH")
	env.set("CI", "true")
	for _, v := range j.exported {
		env.set(v.name, hostPath(v.value, j.executor.Paths(), host.Paths()))
	}
	env.set("RUNNER_OS", machine.OS)
	for _, prefix := range prefixes {
		env.set(prefix+"ACTION", r.step.action)
	}
	program, args, err := w.command(ctx, host, path, machine)
	if err != nil {
		j.rows.fault(fmt.Sprintf("Hook %s: %v", w.name, err))
		return failure
	}
	status, err := r.execIn(ctx, host, &common.Command{Path: program, Args: args, Env: env.environ()})
	return w.report(ctx, r, status, err)
}

// hostPath gives a path of the job as this machine calls it. Other texts stay
// as they are.
func hostPath(text string, job, host common.Paths) string {
	for _, dir := range [][2]string{
		{job.Temp, host.Temp}, {job.Workspace, host.Workspace}, {job.Home, host.Home}, {job.ToolCache, host.ToolCache},
	} {
		if text == dir[0] {
			return dir[1]
		}
		if below, ok := strings.CutPrefix(text, dir[0]+"/"); ok && dir[0] != "" {
			return filepath.Join(dir[1], filepath.FromSlash(below))
		}
	}
	return text
}
