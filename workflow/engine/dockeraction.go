package engine

import (
	"context"
	"fmt"
	"strings"

	"multirunner/common"
	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// runDocker runs a part of an action that is an image: a container of its own,
// in the workspace, with the entrypoint of the part (GitHub:
// ContainerActionHandler.cs).
func (w *usesWork) runDocker(ctx context.Context, r *stepRun, inputs []model.Pair) result {
	j, runs := r.job, w.action.manifest.Runs
	run := common.ContainerRun{Image: w.action.image, Kill: j.stop.dead.Done()}
	switch r.phase.part {
	case partPre:
		run.Entrypoint = runs.PreEntrypoint
	case partPost:
		run.Entrypoint = runs.PostEntrypoint
	default:
		run.Entrypoint = runs.Entrypoint
		if run.Entrypoint == "" {
			run.Entrypoint = inputOf(inputs, "entryPoint")
		}
	}
	var err error
	if run.Args, err = w.containerArguments(inputs); err != nil {
		r.fault(fmt.Errorf("%s: %w", w.ref, err))
		return failure
	}
	own, err := runs.Env.EvalMap(onlyInputs(inputs))
	if err != nil {
		r.fault(fmt.Errorf("%s: %w", w.ref, err))
		return failure
	}
	r.extra = append(inputVariables(inputs), j.runtimeVariables()...)
	run.Env = r.containerEnv(own).environ()
	if r.files.fault() != nil {
		return failure // which takeFiles tells
	}
	r.output.jobPath = j.engine.JobPath
	stdout, stderr := r.output.stream(), r.output.stream()
	run.Stdout, run.Stderr = stdout, stderr
	status, err := j.engine.RunContainer(ctx, &run)
	stdout.flush()
	stderr.flush()
	return r.reportAs(ctx, status, err, "Docker run failed with exit code %d.")
}

// containerArguments are those of the manifest, each as it is, else the input
// args, split into words. Without any the image's own command stays.
func (w *usesWork) containerArguments(inputs []model.Pair) ([]string, error) {
	written := w.action.manifest.Runs.Args
	if written.IsZero() {
		return splitArguments(strings.TrimSpace(inputOf(inputs, "args"))), nil
	}
	var args []string
	for _, item := range written.Items() {
		arg, err := item.EvalString(onlyInputs(inputs))
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, nil
}

func inputOf(inputs []model.Pair, name string) string {
	if i := indexInput(inputs, name); i >= 0 {
		return inputs[i].Value
	}
	return ""
}

// onlyInputs is what expressions in args and env of a manifest see (GitHub:
// action_yaml.json).
func onlyInputs(inputs []model.Pair) expression.Scope {
	return expression.ScopeOf(expression.NewObject(expression.Pair{Key: "inputs", Value: inputsObject(inputs)}), nil)
}

// containerEnv is what a docker action gets besides the variables of its image:
// of the machine only what the operator sets for all jobs, and proxies; then
// env of the manifest, which the workflow's env replaces, and what actions on
// node get too.
//
// Directories in $GITHUB_PATH are none of the image's, and a PATH made of them
// would hide the image's own: it stays as it is, unless env sets it (GitHub's
// runner leaves it alone too).
func (r *stepRun) containerEnv(own []model.Pair) *variables {
	base := newVariables(false, len(own)+8)
	operators := newVariables(false, len(r.job.spec.Environment))
	operators.addEnviron(r.job.spec.Environment)
	for _, v := range r.job.baseEnv.list {
		if v.name != "PATH" && v.name != "HOME" && (operators.has(v.name) || common.IsProxy(v.name)) {
			base.set(v.name, v.value)
		}
	}
	for _, p := range own {
		base.set(p.Key, p.Value)
	}
	env := r.environment(base, func(env *variables) {
		env.set("HOME", r.job.executor.Paths().Home)
	})
	env.set("RUNNER_OS", osName("linux"))
	return env
}
