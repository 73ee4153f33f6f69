package engine

import (
	"strings"

	"multirunner/common"
)

// runtimeVariables are those by which actions reach the server's services for
// jobs: artifacts and the like. Under exec there is no such server, and actions
// that need one say so rather than wait for it.
//
// ACTIONS_CACHE_URL and ACTIONS_CACHE_SERVICE_V2 stay unset, there is no cache
// server: actions/cache finds nothing then, and goes on.
func (j *Job) runtimeVariables() []variable {
	url := common.NormalizeURL(j.spec.URL)
	if j.local() || url == "" {
		return nil
	}
	// Servers without a runtime token take the task's.
	token := j.contextText("forgejo_runtime_token", "gitea_runtime_token", "token")
	if token == "" {
		return nil
	}
	return []variable{
		{"ACTIONS_RUNTIME_URL", url + "/api/actions_pipeline/"},
		{"ACTIONS_RUNTIME_TOKEN", token},
		{"ACTIONS_RESULTS_URL", url},
	}
}

// local tells whether the workspace is a person's own project: the job runs
// under exec.
func (j *Job) local() bool {
	mode := j.spec.Workspace.Mode
	return mode == common.WorkspaceCopy || mode == common.WorkspaceInPlace
}

// contextText gives a text of the server's context, the first of some keys
// that is set.
func (j *Job) contextText(keys ...string) string {
	fields := j.task.GetContext().GetFields()
	for _, key := range keys {
		if text := strings.TrimSpace(fields[key].GetStringValue()); text != "" {
			return text
		}
	}
	return ""
}
