package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"multirunner/workflow/model"
)

// runWork is a step that runs a script: run.
type runWork struct{ def *model.Step }

func (w runWork) main(ctx context.Context, r *stepRun) result {
	script, err := w.def.Run.EvalString(r.scope())
	if err != nil {
		r.fault(err)
		return failure
	}
	dir, err := r.workingDirectory(w.def)
	if err != nil {
		r.fault(err)
		return failure
	}
	shell, err := r.chooseShell(ctx, w.def)
	if err != nil {
		r.header(script, "")
		r.fault(err)
		return failure
	}
	r.header(script, shell.String())
	path, err := r.job.executor.WriteTemp(ctx, uuid.NewString()+shell.extension, []byte(shell.script(script, r.job.machine)))
	if err != nil {
		r.job.rows.fault(fmt.Sprintf("The step's script could not be written: %v", err))
		return failure
	}
	status, err := r.exec(ctx, shell.path, shell.arguments(path, r.job.machine), dir)
	return r.report(ctx, status, err)
}

// workingDirectory is the step's, else the job's default, else the workflow's.
// Steps of composite actions have no defaults.
func (r *stepRun) workingDirectory(def *model.Step) (string, error) {
	dir, err := def.WorkingDirectory.EvalString(r.scope())
	if err != nil || dir != "" || r.step.embedded() {
		return dir, err
	}
	return r.job.defaults.workingDirectory, nil
}

// chooseShell finds the step's shell, else that of the defaults. A step of a
// composite action must say which it wants.
func (r *stepRun) chooseShell(ctx context.Context, def *model.Step) (shell, error) {
	key, err := def.Shell.EvalString(r.scope())
	if err != nil {
		return shell{}, err
	}
	if key == "" && r.step.embedded() {
		return shell{}, errors.New("shell: is empty, a run step of a composite action must name its shell")
	}
	if key == "" {
		key = r.job.defaults.shell
	}
	return r.findShell(ctx, key)
}

// header opens the step's log with what is run, as GitHub does: a closed group
// with the script, its shell and its env.
func (r *stepRun) header(script, shell string) {
	var b strings.Builder
	b.WriteString("##[group]Run " + firstLine(script))
	for line := range strings.SplitSeq(strings.TrimRight(script, "\r\n"), "\n") {
		b.WriteString("\n\x1b[36;1m" + strings.TrimSuffix(line, "\r") + "\x1b[0m")
	}
	if shell != "" {
		b.WriteString("\nshell: " + shell)
	}
	b.WriteString(r.envText())
	b.WriteString("\n##[endgroup]")
	r.job.rows.say(b.String())
}

// envText shows the env context.
func (r *stepRun) envText() string {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	if len(r.env.list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nenv:")
	for _, v := range r.env.list {
		b.WriteString("\n  " + v.name + ": " + v.value)
	}
	return b.String()
}
