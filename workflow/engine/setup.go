package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"multirunner/helpers/mask"
	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// defaults are what steps get that do not say otherwise.
type defaults struct{ shell, workingDirectory string }

func payloadError(format string, args ...any) error {
	return fmt.Errorf("the server's payload: "+format, args...)
}

// setUp makes everything ready for the first step; its rows are "Set up job".
// It leaves the job skipped when its condition does not hold.
func (j *Job) setUp() error {
	masked := j.addMasks()
	j.debug = j.wantsDebug()
	j.announce()
	if err := j.checkMasks(masked); err != nil {
		return err
	}
	if err := j.readPayload(); err != nil {
		return err
	}
	if err := j.makeContexts(); err != nil {
		return err
	}
	wanted, err := j.wanted()
	if err != nil {
		return err
	}
	if !wanted {
		j.skipped = true
		j.rows.say("The job is skipped: its condition (if) does not hold.")
		return nil
	}
	if j.def.Uses != "" {
		return fmt.Errorf("job %q calls the reusable workflow %s: this runner does not expand them, a server that does (Gitea 1.27) is needed", j.def.ID, j.def.Uses)
	}
	if err := j.evaluate(); err != nil {
		return err
	}
	if err := j.require(); err != nil {
		return err
	}
	if err := j.prepare(); err != nil {
		return err
	}
	j.settle()
	if err := j.prepareActions(); err != nil {
		return err
	}
	return j.finishSetUp()
}

// addMasks hides the task's secrets: every token of the context, then the
// secrets themselves.
func (j *Job) addMasks() mask.Extent {
	for key, value := range j.task.GetContext().GetFields() {
		if strings.HasSuffix(key, "token") {
			j.masker.Add(value.GetStringValue())
		}
	}
	masked := mask.Whole
	for _, secret := range j.task.GetSecrets() {
		masked = max(masked, j.masker.Add(secret))
	}
	return masked
}

// checkMasks refuses a job whose secrets the log could show.
func (j *Job) checkMasks(masked mask.Extent) error {
	size := 0
	for _, secret := range j.task.GetSecrets() {
		size += len(secret)
	}
	switch masked {
	case mask.Plain:
		j.rows.warn(fmt.Sprintf("The job's secrets have %d bytes: some of them are masked as they are, but not in other forms such as base64.", size))
	case mask.None:
		return fmt.Errorf("the job's secrets have %d bytes, more than this runner can look for in the log: keep them to what the job needs, and hand large ones over in another way", size)
	}
	return nil
}

// wantsDebug tells whether the repository asks for debug rows.
func (j *Job) wantsDebug() bool {
	const name = "ACTIONS_STEP_DEBUG"
	return isTrue(j.task.GetSecrets()[name]) || isTrue(j.task.GetVars()[name])
}

// announce tells who runs what.
func (j *Job) announce() {
	system := strings.TrimSpace(j.machine.OS + " " + j.machine.Arch)
	if j.machine.Description != "" {
		system += ", " + j.machine.Description
	}
	executor := j.spec.Executor
	if j.spec.Label != "" {
		executor += " (label " + j.spec.Label + ")"
	}
	labels := "none"
	if len(j.spec.Labels) > 0 {
		labels = strings.Join(j.spec.Labels, ", ")
	}
	field := func(key string) string { return j.task.GetContext().GetFields()[key].GetStringValue() }
	j.rows.say(fmt.Sprintf("Runner %s, version %s", j.spec.Registration, j.spec.RunnerVersion))
	j.rows.say("##[group]About this runner and job" +
		"\nLabels: " + labels +
		"\nExecutor: " + executor +
		"\nSystem: " + system +
		"\nServer: " + j.spec.URL +
		fmt.Sprintf("\nTask %d: job %s of %s, run %s, attempt %s", j.task.GetId(), field("job"), field("workflow"), field("run_number"), field("run_attempt")) +
		fmt.Sprintf("\nRepository: %s at %s (%s)", field("repository"), field("sha"), field("ref")) +
		"\n##[endgroup]")
}

// readPayload parses the one job of the payload.
func (j *Job) readPayload() error {
	source := model.ParseSource(j.task.GetContext().GetFields()[model.SourceKey].GetStringValue())
	w, err := model.ParsePayload(fmt.Sprintf("payload of task %d", j.task.GetId()), j.task.GetWorkflowPayload(), source)
	if err != nil {
		return err
	}
	if len(w.Jobs) != 1 {
		return payloadError("it has %d jobs, a task has one", len(w.Jobs))
	}
	for _, warning := range w.Warnings {
		j.rows.warn(warning.Error())
	}
	j.workflow, j.def = w, w.Jobs[0]
	j.ledger.expect(len(j.def.Steps))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.frame.steps = j.makeSteps()
	j.now.Job, j.now.Steps = j.def.ID, len(j.frame.steps)
	return nil
}

// wanted evaluates the job's if. Servers evaluate it for jobs with needs before
// they send them, older ones do not: it is evaluated here in any case. A job
// with needs and no if was let through by the server's own rule.
func (j *Job) wanted() (bool, error) {
	if j.def.If.Text() == "" && len(j.task.GetNeeds()) > 0 {
		return true, nil
	}
	return j.def.If.EvalCondition(j.scope(inJobIf, nil))
}

// evaluate evaluates env, defaults and timeout of the job.
func (j *Job) evaluate() error {
	for _, layer := range []struct {
		env model.Value
		at  place
	}{{j.workflow.Env, inWorkflowEnv}, {j.def.Env, inJobEnv}} {
		pairs, err := layer.env.EvalMap(j.scope(layer.at, nil))
		if err != nil {
			return err
		}
		j.mu.Lock()
		for _, p := range pairs {
			j.env.set(p.Key, p.Value)
		}
		j.mu.Unlock()
	}
	for _, d := range []model.Defaults{j.workflow.Defaults, j.def.Defaults} {
		if err := evalDefault(&j.defaults.shell, d.Shell, j.scope(inDefaults, nil)); err != nil {
			return err
		}
		if err := evalDefault(&j.defaults.workingDirectory, d.WorkingDirectory, j.scope(inDefaults, nil)); err != nil {
			return err
		}
	}
	return j.startClock()
}

func evalDefault(target *string, value model.Value, scope expression.Scope) error {
	text, err := value.EvalString(scope)
	if err == nil && text != "" {
		*target = text
	}
	return err
}

// startClock bounds the job by its own timeout, or the runner's where that is
// smaller. The time since the start counts.
func (j *Job) startClock() error {
	own, err := j.def.TimeoutMinutes.EvalMinutes(j.scope(inJob, nil))
	if err != nil {
		return err
	}
	j.timeout = j.spec.JobTimeout.Std()
	if own > 0 && (j.timeout <= 0 || own < j.timeout) {
		j.timeout = own
	}
	if j.timeout > 0 {
		j.stop.after(j.timeout-time.Since(j.ledger.started()), j.expire)
	}
	return nil
}

// prepare makes the place where the steps run.
func (j *Job) prepare() error {
	if j.stop.leaving() {
		return context.Cause(j.stop.ends)
	}
	ctx, release := j.stop.untilCancelled()
	defer release()
	progress := progressOutput{rows: j.rows}
	log := progress.stream()
	err := j.executor.Prepare(ctx, log)
	log.flush()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("the %s executor could not make a place for the job: %w", j.spec.Executor, err)
	}
	j.prepared = true
	return nil
}

// prepareActions makes the actions of all steps usable.
func (j *Job) prepareActions() error {
	if j.stop.leaving() {
		return context.Cause(j.stop.ends)
	}
	ctx, release := j.stop.untilCancelled()
	defer release()
	return j.resolveActions(ctx, j.frame.steps)
}

// finishSetUp does what needs the executor: the event's file, the environment,
// the operator's hook.
func (j *Job) finishSetUp() error {
	event, err := json.Marshal(j.task.GetContext().GetFields()["event"].GetStructValue().AsMap())
	if err != nil {
		return payloadError("its event is not JSON: %w", err)
	}
	ctx, cancel := context.WithTimeout(j.stop.ends, fileTime)
	defer cancel()
	path, err := j.executor.WriteTemp(ctx, "_github_workflow/event.json", event)
	if err != nil {
		if j.stop.leaving() {
			return context.Cause(j.stop.ends)
		}
		return fmt.Errorf("the event's file could not be written: %w", err)
	}
	j.contexts.github = append(j.contexts.github, pairsOf("event_path", path)...)
	j.baseEnv.addEnviron(j.executor.BaseEnv())
	if j.asked.Job != nil {
		j.baseEnv.addEnviron(j.asked.Job.Env)
	}
	j.exported = j.exports()
	j.runHook(hookStarted)
	return nil
}
