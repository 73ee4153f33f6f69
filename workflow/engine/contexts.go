package engine

import (
	"maps"
	"slices"
	"strings"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// contexts are the contexts that stay the same for the whole job.
type contexts struct {
	// github is without what differs from step to step.
	github []expression.Pair
	// fixed are vars, secrets, needs, matrix, strategy, runner and inputs.
	fixed map[string]expression.Value
	// job is what the job context has besides the status.
	job []expression.Pair
	// identity are the variables for a job's identity token, when the server
	// offers one.
	identity []variable
	// forgejo tells that the server is one.
	forgejo bool
}

// hiddenKeys are keys of the server's context that are for the runner, or for
// processes, but not for expressions.
var hiddenKeys = []string{
	"gitea_runtime_token", "forgejo_runtime_token",
	"actions_id_token_request_token", "actions_id_token_request_url",
	"forgejo_actions_id_token_request_token", "forgejo_actions_id_token_request_url",
	model.SourceKey,
}

// makeContexts builds what the task says about the job. The matrix and the
// inputs need the payload.
func (j *Job) makeContexts() error {
	given := j.task.GetContext().AsMap()
	j.contexts.fixed = map[string]expression.Value{
		"vars":    textObject(j.task.GetVars()),
		"secrets": textObject(j.task.GetSecrets()),
		"needs":   needsObject(j.task.GetNeeds()),
	}
	j.contexts.github = githubPairs(given)
	j.knowPlace()
	j.contexts.identity, j.contexts.forgejo = identityOf(given), isForgejo(given, j.task.GetSecrets())
	return j.makePayloadContexts(given)
}

// knowPlace sets what contexts say of the place where the job's commands run.
// It is called again when more is known of it.
func (j *Job) knowPlace() {
	paths := j.executor.Paths()
	runner := pairsOf(
		"os", j.machine.OS,
		"arch", j.machine.Arch,
		"name", j.spec.Registration,
		"environment", "self-hosted",
		"temp", paths.Temp,
		"tool_cache", paths.ToolCache,
		"workspace", j.machine.parent(paths.Workspace),
	)
	if j.debug {
		runner = append(runner, pairsOf("debug", "1")...)
	}
	j.contexts.fixed["runner"] = expression.NewObject(runner...)
	j.contexts.github = append(j.contexts.github, pairsOf("workspace", paths.Workspace)...)
}

// makePayloadContexts adds inputs, strategy and matrix, which in this order may
// use each other.
func (j *Job) makePayloadContexts(given map[string]any) error {
	event, _ := given["event"].(map[string]any)
	name, _ := given["event_name"].(string)
	inputs, err := j.workflow.TypedInputs(name, expression.FromAny(event["inputs"]))
	if err != nil {
		return err
	}
	j.contexts.fixed["inputs"] = inputs

	plan, err := model.Expand(j.def.Strategy, j.scope(inStrategy, nil))
	if err != nil {
		return err
	}
	if n := len(plan.Combinations); n != 1 {
		return payloadError("the matrix of job %q has %d combinations, a task has one: the server should have expanded it", j.def.ID, n)
	}
	j.contexts.fixed["matrix"] = plan.Combinations[0].Values
	parallel := float64(plan.MaxParallel)
	if parallel == 0 {
		parallel = 1
	}
	j.contexts.fixed["strategy"] = expression.NewObject(
		expression.Pair{Key: "fail-fast", Value: expression.Bool(plan.FailFast)},
		// The server does not say how many combinations there are.
		expression.Pair{Key: "job-index", Value: expression.Number(0)},
		expression.Pair{Key: "job-total", Value: expression.Number(1)},
		expression.Pair{Key: "max-parallel", Value: expression.Number(parallel)},
	)
	return nil
}

// githubPairs gives the server's context with what the runner knows better.
func githubPairs(given map[string]any) []expression.Pair {
	var pairs []expression.Pair
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(hiddenKeys, key) {
			pairs = append(pairs, expression.Pair{Key: key, Value: expression.FromAny(given[key])})
		}
	}
	if url, ok := given["server_url"].(string); ok {
		// Everybody appends "/owner/name" to it.
		pairs = append(pairs, pairsOf("server_url", strings.TrimRight(url, "/"))...)
	}
	return pairs
}

// identityOf gives the variables with which a process may ask for an identity
// token.
func identityOf(given map[string]any) []variable {
	var list []variable
	for _, name := range []string{"actions_id_token_request_url", "actions_id_token_request_token"} {
		for _, key := range []string{"forgejo_" + name, name} {
			if value, _ := given[key].(string); value != "" {
				list = append(list, variable{strings.ToUpper(name), value})
				break
			}
		}
	}
	return list
}

// isForgejo tells whether the server is a Forgejo, which has names of its own.
func isForgejo(given map[string]any, secrets map[string]string) bool {
	if _, ok := secrets["FORGEJO_TOKEN"]; ok {
		return true
	}
	for key := range given {
		if strings.HasPrefix(key, "forgejo_") {
			return true
		}
	}
	return false
}

func needsObject(needs map[string]*runnerv1.TaskNeed) expression.Value {
	var pairs []expression.Pair
	for _, job := range slices.Sorted(maps.Keys(needs)) {
		pairs = append(pairs, expression.Pair{Key: job, Value: expression.NewObject(
			expression.Pair{Key: "result", Value: expression.String(string(resultOf(needs[job].GetResult())))},
			expression.Pair{Key: "outputs", Value: textObject(needs[job].GetOutputs())},
		)})
	}
	return expression.NewObject(pairs...)
}

// textObject gives an object with sorted keys.
func textObject(texts map[string]string) expression.Value {
	pairs := make([]expression.Pair, 0, len(texts))
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		pairs = append(pairs, expression.Pair{Key: key, Value: expression.String(texts[key])})
	}
	return expression.NewObject(pairs...)
}

// pairsOf takes keys and texts in turn.
func pairsOf(keysAndTexts ...string) []expression.Pair {
	pairs := make([]expression.Pair, 0, len(keysAndTexts)/2)
	for i := 0; i+1 < len(keysAndTexts); i += 2 {
		pairs = append(pairs, expression.Pair{Key: keysAndTexts[i], Value: expression.String(keysAndTexts[i+1])})
	}
	return pairs
}
