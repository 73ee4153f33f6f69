package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"multirunner/workflow/action"
	"multirunner/workflow/model"
)

// runNode runs one file of an action on node, in the workspace.
func (w *usesWork) runNode(ctx context.Context, r *stepRun, inputs []model.Pair, script string) result {
	file, err := w.locate(r.job, script)
	if err != nil {
		r.job.rows.fault(fmt.Sprintf("The action %s: %v", w.ref, err))
		return failure
	}
	using := string(w.action.manifest.Runs.Using)
	major, err := strconv.Atoi(strings.TrimPrefix(using, "node"))
	if err == nil {
		var node string
		if node, err = r.findNode(ctx, major); err == nil {
			r.onNode = true
			r.extra = append(inputVariables(inputs), r.job.runtimeVariables()...)
			status, err := r.exec(ctx, node, []string{file}, "")
			return r.report(ctx, status, err)
		}
	}
	if ctx.Err() == nil {
		r.job.rows.fault(fmt.Sprintf("The action %s (%s) %v", w.ref, using, err))
	}
	return failure
}

// locate gives the path of one of the action's files as its commands see it. An
// action that was not built before it was released is told apart from one that
// fails.
func (w *usesWork) locate(j *Job, file string) (string, error) {
	at := w.action.at
	tree, err := j.openTree(at)
	if err != nil {
		return "", err
	}
	defer tree.Close()
	below, err := action.Locate(tree, at.dir, file)
	if err != nil {
		return "", err
	}
	return j.machine.join(w.action.root, below), nil
}
