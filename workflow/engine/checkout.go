package engine

import (
	"fmt"
	"strings"

	"multirunner/common"
	"multirunner/workflow/action"
)

// isCheckout knows actions/checkout, wherever it is fetched from.
func (w *usesWork) isCheckout() bool {
	return w.ref.Kind == action.Repository && w.ref.Path == "" &&
		strings.EqualFold(strings.TrimSuffix(w.ref.Name, ".git"), "actions/checkout")
}

// mayBeWorkspace tells that the step's action need not be fetched before the
// job begins: it checks out the repository itself, which exec has put into the
// workspace. What the step asks for is looked at when it runs.
func (w *usesWork) mayBeWorkspace(j *Job) bool { return j.local() && !w.needed && w.isCheckout() }

// isWorkspace tells whether the workspace is what the step would check out.
// Inputs that cannot be evaluated are for the action to fail at.
func (w *usesWork) isWorkspace(r *stepRun) bool {
	if w.action != nil || !w.mayBeWorkspace(r.job) {
		return false
	}
	inputs, err := w.def.With.EvalMap(r.scope())
	if err != nil {
		return false
	}
	for _, input := range inputs {
		value := strings.TrimSpace(input.Value)
		known := []string{""}
		switch strings.ToLower(input.Key) {
		case "repository":
			known = append(known, r.job.contextText("repository"))
		case "ref":
			known = append(known, r.job.contextText("ref"), r.job.contextText("ref_name"), r.job.contextText("sha"), r.job.contextText("head_ref"))
		case "path":
			known = append(known, ".", "./")
		default:
			continue
		}
		if !containsFold(known, value) {
			return false
		}
	}
	return true
}

func containsFold(list []string, text string) bool {
	for _, item := range list {
		if strings.EqualFold(item, text) {
			return true
		}
	}
	return false
}

// checkedOut is the step's work when the workspace is what it would check out.
func (w *usesWork) checkedOut(r *stepRun) result {
	r.actionHeader(w, nil)
	from := "holds a copy of"
	if r.job.spec.Workspace.Mode == common.WorkspaceInPlace {
		from = "is"
	}
	r.job.rows.say(fmt.Sprintf("Nothing is fetched: the workspace %s the project in %s, as it is there", from, r.job.spec.Workspace.Source))
	r.setOutput("ref", r.job.contextText("ref"))
	r.setOutput("commit", r.job.contextText("sha"))
	return success
}
