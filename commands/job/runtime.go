package job

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
	"multirunner/network/jobsock"
)

// RuntimeOf gives what uploads for a task need: its runtime token, and the run
// and job that it is for. Servers without a runtime token take the task's.
// The job's number is told by the token alone (Gitea: claim JobID).
func RuntimeOf(task *runnerv1.Task) jobsock.Runtime {
	context := task.GetContext().GetFields()
	text := func(keys ...string) string {
		for _, key := range keys {
			if value := context[key].GetStringValue(); value != "" {
				return value
			}
		}
		return ""
	}
	token := text("forgejo_runtime_token", "gitea_runtime_token", "token")
	return jobsock.Runtime{
		Token: common.NewSecret(token),
		RunID: text("run_id"),
		JobID: jobID(token),
	}
}

// jobID reads the claim without verifying the token: the server will.
func jobID(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct{ JobID json.Number }
	if json.Unmarshal(data, &claims) != nil {
		return ""
	}
	return claims.JobID.String()
}
