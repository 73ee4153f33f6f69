package engine

import (
	"slices"
	"strings"

	"multirunner/workflow/expression"
)

// prefixes are the names under which every GITHUB_ variable is set: workflows
// written for any of the three servers find theirs.
var prefixes = [...]string{"GITHUB_", "GITEA_", "FORGEJO_"}

// exportedKeys are the keys of the github context that processes get as
// variables (GitHub: GitHubContext.cs). The token and the event are not among
// them.
var exportedKeys = []string{
	"actor", "actor_id",
	"api_url", "base_ref", "event_name", "event_path", "graphql_url",
	"head_ref", "job", "ref", "ref_name", "ref_protected", "ref_type",
	"repository", "repository_id", "repository_owner", "repository_owner_id",
	"retention_days", "run_attempt", "run_id", "run_number", "server_url", "sha",
	"triggering_actor", "workflow", "workflow_ref", "workflow_sha", "workspace",
}

// exports gives the variables that every process of the job has and that no
// workflow can change.
func (j *Job) exports() []variable {
	var list []variable
	github := expression.NewObject(j.contexts.github...)
	for _, key := range exportedKeys {
		value, ok := github.Get(key)
		if !ok || value.Kind() != expression.KindString && value.Kind() != expression.KindBoolean {
			continue
		}
		list = appendTwins(list, strings.ToUpper(key), value.Text())
	}
	runner := j.contexts.fixed["runner"]
	for _, key := range runner.Keys() {
		value, _ := runner.Get(key)
		list = append(list, variable{"RUNNER_" + strings.ToUpper(key), value.Text()})
	}
	list = append(list, variable{"GITHUB_ACTIONS", "true"}, variable{"GITEA_ACTIONS", "true"},
		variable{"GITEA_ACTIONS_RUNNER_VERSION", j.spec.RunnerVersion})
	if j.contexts.forgejo {
		list = append(list, variable{"FORGEJO_ACTIONS", "true"}, variable{"FORGEJO_ACTIONS_RUNNER_VERSION", j.spec.RunnerVersion})
	}
	list = append(list, j.contexts.identity...)
	if j.spec.TrackingID != "" {
		list = append(list, variable{"RUNNER_TRACKING_ID", j.spec.TrackingID})
	}
	return list
}

// appendTwins adds a variable under each prefix.
func appendTwins(list []variable, name, value string) []variable {
	for _, prefix := range prefixes {
		list = append(list, variable{prefix + name, value})
	}
	return list
}

// processEnv gives the whole environment of a command of the step. Later ones
// win: the executor's, the env context, PATH's additions, STATE_, what the
// step's work adds, then what the runner says about the job.
func (r *stepRun) processEnv() *variables {
	return r.environment(r.job.baseEnv, func(env *variables) {
		if path := r.pathLocked(); path != "" {
			env.set("PATH", path)
		}
	})
}

// environment puts an environment together on top of a base. add comes after
// the env context, with Job.mu held.
func (r *stepRun) environment(base *variables, add func(env *variables)) *variables {
	j := r.job
	repository, ref := r.step.origin()
	paths := r.files.all()
	j.mu.Lock()
	defer j.mu.Unlock()
	env := newVariables(j.machine.windows(), len(base.list)+len(r.env.list)+len(j.exported)+32)
	env.add(base)
	for _, v := range r.env.list {
		if !r.onNode || !misleadsNode(v.name) {
			env.set(v.name, v.value)
		}
	}
	add(env)
	for _, s := range r.step.state.list {
		env.set("STATE_"+s.name, s.value)
	}
	for _, v := range r.extra {
		env.set(v.name, v.value)
	}
	if !env.has("CI") {
		env.set("CI", "true")
	}
	for _, v := range j.exported {
		env.set(v.name, v.value)
	}
	for _, prefix := range prefixes {
		env.set(prefix+"ACTION", r.step.action)
		env.set(prefix+"ACTION_REPOSITORY", repository)
		env.set(prefix+"ACTION_REF", ref)
		if r.step.embedded() {
			env.set(prefix+"ACTION_PATH", r.step.frame.path)
		}
		for i, kind := range fileKinds {
			env.set(prefix+kind.variable, paths[i])
		}
	}
	return env
}

// searchPath is the PATH that the step's commands get.
func (r *stepRun) searchPath() string {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	return r.pathLocked()
}

// pathLocked puts what earlier steps added before the PATH of the env context,
// else that of the executor. Job.mu is held.
func (r *stepRun) pathLocked() string {
	base := r.env.get("PATH")
	if base == "" {
		base = r.job.baseEnv.get("PATH")
	}
	parts := r.job.path
	if base != "" {
		parts = append(slices.Clone(parts), base)
	}
	return strings.Join(parts, r.job.machine.listSeparator())
}

// setEnv adds a variable for all later steps; this one's env context has it
// too, its running process does not.
func (r *stepRun) setEnv(name, value string) {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	r.job.env.set(name, value)
	r.env.set(name, value)
}

// addPath puts directories before PATH for all later steps. The last one comes
// first; one that is there already moves.
func (r *stepRun) addPath(dirs ...string) {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	slices.Reverse(dirs)
	seen := make(map[string]bool, len(dirs)+len(r.job.path))
	var path []string
	for _, dir := range append(dirs, r.job.path...) {
		if !seen[dir] {
			seen[dir] = true
			path = append(path, dir)
		}
	}
	r.job.path = path
}

// setOutput keeps an output of the step.
func (r *stepRun) setOutput(name, value string) {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	r.step.outputs.set(name, value)
}

// saveState keeps a value for the step's own post phase.
func (r *stepRun) saveState(name, value string) {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	r.step.state.set(name, value)
}

// unsecure tells whether the workflow or the operator allows the commands that
// let any output change the environment.
func (r *stepRun) unsecure() bool {
	const name = "ACTIONS_ALLOW_UNSECURE_COMMANDS"
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	return isTrue(r.env.get(name)) || isTrue(r.job.baseEnv.get(name))
}

func isTrue(text string) bool { return strings.EqualFold(text, "true") || text == "1" }

// guarded tells whether a variable may not be set for later steps: it would
// make every node process run code of the step's choice.
func guarded(name string) bool { return strings.EqualFold(name, "NODE_OPTIONS") }

// misleadsNode tells whether a variable of the workflow is kept from actions:
// NODE_ICU_DATA names a directory for the node of the project, often one that is
// not there yet, and another node does not start with it (GitHub:
// NodeScriptActionHandler.cs). What the operator has set is for the machine's.
func misleadsNode(name string) bool { return strings.EqualFold(name, "NODE_ICU_DATA") }
