// Package control is the conversation between the command line and a running
// runner: JSON lines over control.sock in the state directory. A line is a
// question or its answer; every line carries the version of the protocol.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is the version of the protocol. A peer that is older or newer by
// one is spoken to; fields that it does not know are ignored.
const Version = 1

// SocketName is the socket's name in a state directory. Where that path is too
// long for a socket, it is a file that holds the path of one.
const SocketName = "control.sock"

// tempPrefix begins the names of directories for such sockets.
const tempPrefix = "runner-control-"

const (
	maxQuestion = 64 << 10 // bytes of a line
	maxAnswer   = 64 << 20 // some hundred bytes per registration
)

// Status is what a runner is doing. It holds no secrets.
type Status struct {
	PID           int            `json:"pid"`
	Start         uint64         `json:"start"` // of the process, as the system counts
	Version       string         `json:"version"`
	Instance      string         `json:"instance"`           // another one after every start and every upgrade
	Replaced      string         `json:"replaced,omitempty"` // the version that this one has replaced in the same process
	Upgrade       *Upgrade       `json:"upgrade,omitempty"`  // the last one that was asked of this instance
	StateDir      string         `json:"state_dir"`
	Phase         string         `json:"phase"`
	Stopping      bool           `json:"stopping"`
	Concurrent    int            `json:"concurrent"`
	Running       int            `json:"running"`
	Polling       int            `json:"polling"`
	Waiting       int            `json:"waiting"` // jobs without a slot
	Unsent        int            `json:"unsent"`  // ended jobs that their servers do not have all of yet
	Registrations []Registration `json:"registrations"`
}

// UpgradeStage is how far an upgrade is.
type UpgradeStage string

const (
	UpgradeChecking  UpgradeStage = "checking"  // the program on disk is asked whether it can take over
	UpgradeWaiting   UpgradeStage = "waiting"   // for what only this program can finish
	UpgradeReplacing UpgradeStage = "replacing" // the next instance answers soon
	UpgradeFailed    UpgradeStage = "failed"    // the runner goes on as before
)

// Upgrade is a replacement of the program of a runner that runs.
type Upgrade struct {
	Number   int          `json:"number"` // within the instance
	Stage    UpgradeStage `json:"stage"`
	Polls    int          `json:"polls,omitempty"`    // under way
	Waiting  int          `json:"waiting,omitempty"`  // jobs without a slot
	Starting int          `json:"starting,omitempty"` // jobs
	Unkept   int          `json:"unkept,omitempty"`   // reports that could not be kept on disk
	To       string       `json:"to,omitempty"`       // the version on disk, once it is known
	Error    string       `json:"error,omitempty"`    // of stage failed
}

// Registration is a registration as the runner sees it.
type Registration struct {
	Name           string     `json:"name"`
	URL            string     `json:"url"`
	UUID           string     `json:"uuid"`
	Paused         bool       `json:"paused"`
	Health         string     `json:"health"`
	Reason         string     `json:"reason,omitempty"`  // of health misconfigured
	NoRoom         string     `json:"no_room,omitempty"` // why it is not polled now, though it is well
	Polling        bool       `json:"polling"`
	WaitsForTurn   bool       `json:"waits_for_turn"`
	NextPoll       *time.Time `json:"next_poll"` // null: it polls now, waits for a turn, or does not poll
	BackoffSeconds float64    `json:"backoff_seconds"`
	LastOutcome    string     `json:"last_outcome,omitempty"`
	LastPoll       *time.Time `json:"last_poll"`
	Running        int        `json:"running"`
}

// Job is a job that the runner has. It holds no secrets.
type Job struct {
	Task       int64      `json:"task"`
	Runner     string     `json:"runner"`
	URL        string     `json:"url"`
	Repository string     `json:"repository"` // "" when it is not known
	Job        string     `json:"job"`        // its id in the workflow, "" when it is not known
	State      string     `json:"state"`      // waiting, starting, running, stopping
	Stage      string     `json:"stage"`      // prepare, step_1 and so on, complete; "" when it is not known
	Step       int        `json:"step"`       // from 1; 0 outside of the steps
	StepName   string     `json:"step_name"`
	Since      *time.Time `json:"since"` // of its slot; null while it waits for one
	Rows       int64      `json:"rows"`  // of its log so far
	Executor   string     `json:"executor"`
	Label      string     `json:"label"`
	PID        int        `json:"pid"` // of its process, 0 when there is none
}

// Changed tells what a pause or resume did, by names of registrations.
type Changed struct {
	Changed []string `json:"changed"`
	Already []string `json:"already"` // those that were as wanted
}

// Cancel says which job is to end, and how.
type Cancel struct {
	Task int64  `json:"task"`
	URL  string `json:"url,omitempty"` // of its server; "" when the task alone says it
	Kill bool   `json:"kill,omitempty"`
}

type command string

const (
	commandStatus command = "status"
	commandJobs   command = "jobs"
	commandPause  command = "pause"
	commandResume command = "resume"
	commandDrain  command = "drain"
	commandCancel command = "cancel"

	commandUpgrade command = "upgrade"
)

// message is a line in either direction. An answer repeats the id of its
// question.
type message struct {
	V       int     `json:"v"`
	ID      int64   `json:"id"`
	Command command `json:"cmd,omitempty"`

	Name   string  `json:"name,omitempty"` // of a registration; "" is all
	Cancel *Cancel `json:"cancel,omitempty"`

	Error   string   `json:"error,omitempty"`
	Status  *Status  `json:"status,omitempty"`
	Jobs    []Job    `json:"jobs,omitempty"`
	Changed *Changed `json:"changed,omitempty"`
	Job     *Job     `json:"job,omitempty"`
	Upgrade *Upgrade `json:"upgrade,omitempty"`
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
		return message{}, errors.New("control socket: a line that is no JSON object")
	}
	if m.V < 1 || m.V > Version+1 {
		return message{}, fmt.Errorf("control socket: the other side speaks version %d, this program %d: use the program that the runner was started with", m.V, Version)
	}
	return m, nil
}
