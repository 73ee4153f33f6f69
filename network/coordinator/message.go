package coordinator

import (
	"maps"
	"strconv"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

// message is the task as it is sent.
func (s *Server) message(task *taskRow) *runnerv1.Task {
	job := task.job
	secrets := make(map[string]string, len(job.secrets)+2)
	secrets["GITEA_TOKEN"], secrets["GITHUB_TOKEN"] = task.jobToken(), task.jobToken()
	maps.Copy(secrets, job.secrets)
	return &runnerv1.Task{
		Id:              task.id,
		WorkflowPayload: job.payload,
		Context:         s.taskContext(task),
		Secrets:         secrets,
		Needs:           job.needs,
		Vars:            job.vars,
	}
}

// tokenNames are the secrets that a server adds to those of a job.
var tokenNames = []string{"GITHUB_TOKEN", "GITEA_TOKEN"}

// jobToken is what a job calls the server's interfaces with: one that was given
// as a secret (this server has no such interfaces, so it is another's), or the
// task's.
func (t *taskRow) jobToken() string {
	for _, name := range tokenNames {
		if given := t.job.secrets[name]; given != "" {
			return given
		}
	}
	return t.token
}

// emptyContext are the keys that a server sends without anything in them: the
// runner fills them.
var emptyContext = []string{
	"action", "action_path", "action_ref", "action_repository", "action_status", "actor", "base_ref", "env",
	"event_path", "graphql_url", "head_ref", "path", "ref", "ref_name", "ref_type", "retention_days", "sha",
	"triggering_actor", "workflow", "workspace",
}

// taskContext is the github context of a task: what its job was given, and
// what a server always adds.
func (s *Server) taskContext(task *taskRow) *structpb.Struct {
	fields := s.baseContext(task.job.run)
	for key, value := range map[string]string{
		"job":                 task.job.key,
		"gitea_runtime_token": s.runtimeToken(task),
		"token":               task.jobToken(),
	} {
		fields[key] = structpb.NewStringValue(value)
	}
	maps.Copy(fields, task.job.context.GetFields())
	return &structpb.Struct{Fields: fields}
}

// baseContext is what all jobs of a run have in common, without what the
// submitter says about the event.
func (s *Server) baseContext(run *runRow) map[string]*structpb.Value {
	repository := run.repo.Owner + "/" + run.repo.Repo
	fields := make(map[string]*structpb.Value, 40)
	for _, key := range emptyContext {
		fields[key] = structpb.NewStringValue("")
	}
	for key, value := range map[string]string{
		"api_url":                   s.base + "/api/v1",
		"event_name":                "push",
		"gitea_default_actions_url": s.options.DefaultActionsURL,
		"repository":                repository,
		"repositoryUrl":             s.base + "/" + repository,
		"repository_owner":          run.repo.Owner,
		"run_attempt":               "1",
		"run_id":                    strconv.FormatInt(run.id, 10),
		"run_number":                strconv.FormatInt(run.number, 10),
		"secret_source":             "Actions",
		"server_url":                s.base + "/",
	} {
		fields[key] = structpb.NewStringValue(value)
	}
	fields["ref_protected"] = structpb.NewBoolValue(false)
	fields["event"] = structpb.NewStructValue(&structpb.Struct{})
	return fields
}
