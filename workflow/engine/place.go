package engine

import "slices"

// place is somewhere in a workflow where expressions may stand: which contexts
// and functions are available there (GitHub: workflow-v1.0.json and action_yaml.json).
type place struct {
	contexts []string
	status   bool // success(), failure(), cancelled(), always()
	ofNeeds  bool // they tell of the needed jobs, not of this one
	files    bool // hashFiles()
}

var (
	inWorkflowEnv = at("github", "inputs", "vars", "secrets")
	inJobIf       = at("github", "inputs", "vars", "needs").withStatusOfNeeds()
	inStrategy    = at("github", "inputs", "vars", "needs")
	inJob         = at("github", "inputs", "vars", "needs", "strategy", "matrix")
	// Of containers GitHub gives env and secrets to credentials and env only;
	// Gitea's own runner gives them to all keys, and its workflows use them.
	inContainer = at("github", "inputs", "vars", "needs", "strategy", "matrix", "env", "secrets")
	// The job's env sees the workflow's.
	inJobEnv   = at("github", "inputs", "vars", "needs", "strategy", "matrix", "secrets", "env")
	inDefaults = at("github", "inputs", "vars", "needs", "strategy", "matrix", "env")
	inStepIf   = at("github", "inputs", "vars", "needs", "strategy", "matrix", "steps", "job", "runner", "env").withStatus().withFiles()
	inStep     = at("github", "inputs", "vars", "needs", "strategy", "matrix", "steps", "job", "runner", "env", "secrets").withFiles()
	// Within a composite action there are no secrets and no needs: it is told
	// what it needs through its inputs. GitHub has no vars there either, Gitea's
	// own runner has.
	inActionStepIf  = at("github", "inputs", "vars", "strategy", "matrix", "steps", "job", "runner", "env").withStatus().withFiles()
	inActionStep    = at("github", "inputs", "vars", "strategy", "matrix", "steps", "job", "runner", "env").withFiles()
	inActionInput   = at("github", "strategy", "matrix", "job", "runner").withFiles()
	inActionOutputs = at("github", "strategy", "matrix", "steps", "inputs", "job", "runner", "env")

	inJobOutputs = at("github", "inputs", "vars", "needs", "strategy", "matrix", "steps", "job", "runner", "env", "secrets")
)

// at names the contexts of a place. The github context has other names too:
// gitea, and what Forgejo calls it.
func at(contexts ...string) place {
	return place{contexts: append(contexts, "gitea", "forge", "forgejo")}
}

func (p place) withStatus() place {
	p.status = true
	return p
}

func (p place) withStatusOfNeeds() place {
	p.status, p.ofNeeds = true, true
	return p
}

func (p place) withFiles() place {
	p.files = true
	return p
}

func (p place) has(context string) bool { return slices.Contains(p.contexts, context) }
