// Package jobsock is the conversation between a supervisor and a job process:
// JSON lines over a Unix socket. The job process listens. The supervisor asks
// it to cancel, for its status and for the task's runtime token; the job
// process sends wakes, so that what it reports is sent without waiting for the
// supervisor's next look.
package jobsock

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"multirunner/common"
)

// Version is the version of the protocol. A peer that is older or newer by
// one is spoken to; fields that it does not know are ignored.
const Version = 1

// maxLine is the most bytes of a line. A runtime token is some hundred.
const maxLine = 1 << 20

// Status is what a job process is doing, for `runner jobs`.
type Status struct {
	Phase   string            `json:"phase"`          // "prepare", "steps", "cleanup", "ended"
	Step    int               `json:"step"`           // 0-based, -1 outside of the steps
	Name    string            `json:"name,omitempty"` // of the step
	Since   time.Time         `json:"since"`          // when this phase or step began
	Started time.Time         `json:"started"`        // when the job did
	Rows    int64             `json:"rows"`           // appended so far
	Stop    common.StopReason `json:"stop,omitempty"` // the strongest one received
	Pid     int               `json:"pid"`
	// Repository and Job, by its id in the workflow, are "" when an older
	// program runs the job.
	Repository string `json:"repository,omitempty"`
	Job        string `json:"job,omitempty"`
}

// Runtime is what an upload of a step summary needs.
type Runtime struct {
	Token common.Secret
	RunID string
	JobID string
}

// Handler is the job process's side. All methods are called concurrently and
// return quickly.
type Handler interface {
	// Cancel is called once or more for a reason; see common.StopReason.
	Cancel(reason common.StopReason)
	Status() Status
	Token() Runtime
}

type command string

const (
	commandCancel command = "cancel"
	commandStatus command = "status"
	commandToken  command = "token"
	eventWake     command = "wake"
)

// message is a line in either direction. An answer repeats the id of its
// question; a wake has none.
type message struct {
	V       int               `json:"v"`
	ID      int64             `json:"id,omitempty"`
	Command command           `json:"cmd"`
	Reason  common.StopReason `json:"reason,omitempty"`
	Status  *Status           `json:"status,omitempty"`
	Runtime *wireRuntime      `json:"runtime,omitempty"`
	Error   string            `json:"error,omitempty"`
}

// wireRuntime is Runtime with the token in the open: only the socket sees it.
type wireRuntime struct {
	Token string `json:"token"`
	RunID string `json:"run_id"`
	JobID string `json:"job_id"`
}

func encodeLine(m message) ([]byte, error) {
	m.V = Version
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

func decodeLine(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		// The line may hold a token, so it is not quoted.
		return message{}, errors.New("job socket: a line that is no JSON object")
	}
	if m.V < 1 || m.V > Version+1 {
		return message{}, fmt.Errorf("job socket: the other side speaks version %d, this program %d", m.V, Version)
	}
	return m, nil
}
