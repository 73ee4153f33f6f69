package common

import (
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
)

// JobSpecVersion is the version of JobSpec that this program writes. It reads
// this one and the one before.
const JobSpecVersion = 1

// JobSpec is everything that a job process needs, handed to it on standard
// input. It holds the job's secrets, never the runner's token.
type JobSpec struct {
	V             int    `json:"v"`
	Task          []byte `json:"task"` // runner.v1.Task as fetched, marshalled
	URL           string `json:"url"`
	Registration  string `json:"registration"`
	UUID          string `json:"uuid"`
	RunnerVersion string `json:"runner_version"`
	TrackingID    string `json:"tracking_id"`
	// Instance is the identity of the state directory: what is made outside of
	// it for the job is labelled with it.
	Instance string   `json:"instance,omitempty"`
	Label    string   `json:"label"`  // the configured label that decided, "" for none
	Labels   []string `json:"labels"` // all of the registration's
	Executor string   `json:"executor"`
	LabelArg string   `json:"label_arg,omitempty"` // the image of a docker label

	Shell ShellConfig `json:"shell"`
	// Docker is without the registries, whose passwords no encoder gives away:
	// they are in Registries.
	Docker      DockerConfig  `json:"docker"`
	Registries  []JobRegistry `json:"registries,omitempty"`
	Environment []string      `json:"environment,omitempty"`
	Hooks       HooksConfig   `json:"hooks"`

	JobTimeout    Duration `json:"job_timeout"`
	OutputLimit   Size     `json:"output_limit"`
	SpoolMaxBytes Size     `json:"spool_max_bytes"`
	TLSCAFile     string   `json:"tls_ca_file,omitempty"`
	// InsecureSkipVerify: the instance's certificate is not checked, for
	// actions that are fetched from it either.
	InsecureSkipVerify bool     `json:"insecure_skip_verify,omitempty"`
	ActionsMaxBytes    Size     `json:"actions_max_bytes,omitempty"` // of the action store; 0 is no limit
	ActionsOffline     bool     `json:"actions_offline,omitempty"`
	Capabilities       []string `json:"capabilities,omitempty"` // of the server

	Dirs      JobDirs   `json:"dirs"`
	Workspace Workspace `json:"workspace"`
}

// JobRegistry is a credential for a registry of images, the password in plain
// text.
type JobRegistry struct {
	Server   string `json:"server"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// JobDirs are absolute paths on the host.
type JobDirs struct {
	Job     string `json:"job"`   // claim, spool, sockets: jobs/<server hash>-<task id>
	Build   string `json:"build"` // workspace, home, temp: builds/<same name>
	Actions string `json:"actions"`
	Tools   string `json:"tools"`
}

// WorkspaceMode says what the job's workspace starts as.
type WorkspaceMode string

const (
	WorkspaceEmpty   WorkspaceMode = "empty"
	WorkspaceCopy    WorkspaceMode = "copy"     // a copy of what git tracks or does not ignore
	WorkspaceInPlace WorkspaceMode = "in-place" // Source itself; never removed
)

// Workspace is where the job's files come from.
type Workspace struct {
	Mode   WorkspaceMode `json:"mode"`
	Source string        `json:"source,omitempty"`
}

// DecodeTask gives the task as the server sent it.
func (s *JobSpec) DecodeTask() (*runnerv1.Task, error) {
	task := new(runnerv1.Task)
	if err := proto.Unmarshal(s.Task, task); err != nil {
		return nil, err
	}
	return task, nil
}
