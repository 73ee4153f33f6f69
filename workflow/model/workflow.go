package model

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// Workflow is a parsed workflow file, or the payload of a task.
type Workflow struct {
	File        string
	Name        string // "" when it has none
	RunName     Value
	On          []Event
	Env         Value
	Defaults    Defaults
	Permissions Value
	Concurrency Value
	Jobs        []*Job // in file order, at least one
	Warnings    []*Error

	root *yaml.Node
}

// Job gives the job with an id, nil if there is none. An id that differs only
// in case is found when none is equal, as contexts do.
func (w *Workflow) Job(id string) *Job {
	for _, job := range w.Jobs {
		if job.ID == id {
			return job
		}
	}
	for _, job := range w.Jobs {
		if strings.EqualFold(job.ID, id) {
			return job
		}
	}
	return nil
}

// Event gives the trigger with a name, nil if the workflow does not have it.
func (w *Workflow) Event(name string) *Event {
	for i := range w.On {
		if w.On[i].Name == name {
			return &w.On[i]
		}
	}
	return nil
}

// Event is a trigger of the workflow.
type Event struct {
	Name   string
	Inputs []Input // of workflow_dispatch and workflow_call, in file order
	// Secrets and Outputs are those of workflow_call, in file order.
	Secrets []CallSecret
	Outputs []CallOutput
	Config  Value // what stands below the name, absent for most
	Line    int
}

// CallSecret is a secret that a workflow wants of those that call it.
type CallSecret struct {
	Name        string
	Description string
	Required    bool
	Line        int
}

// CallOutput is an output that a workflow has for those that call it.
type CallOutput struct {
	Name        string
	Description string
	Value       Value
	Line        int
}

// InputType is the declared type of an input.
type InputType string

// The types of inputs. workflow_dispatch knows all, workflow_call only the
// first three. An input that declares none is a string.
const (
	InputString      InputType = "string"
	InputBoolean     InputType = "boolean"
	InputNumber      InputType = "number"
	InputChoice      InputType = "choice"
	InputEnvironment InputType = "environment"
)

// Input is a declared input of workflow_dispatch or workflow_call.
type Input struct {
	Name        string
	Description string
	Type        InputType
	Required    bool
	Default     Value
	Options     []string // of a choice
	Line        int
}

// Job is one entry of jobs.
type Job struct {
	ID              string
	Name            Value
	If              Value
	RunsOn          Value
	Env             Value
	TimeoutMinutes  Value
	ContinueOnError Value
	Container       Value
	Services        Value
	Outputs         Value
	Environment     Value
	Concurrency     Value
	Permissions     Value
	Needs           []string
	Defaults        Defaults
	Strategy        *Strategy // nil when the job has none
	Steps           []*Step
	Uses            string // a reusable workflow; such a job has no steps
	With            Value
	Secrets         Value // a mapping, or the text "inherit"
	Line            int

	file  string
	uses  Value
	needs Value
	node  *yaml.Node
}

// Strategy is what a job is repeated over.
type Strategy struct {
	FailFast    Value
	MaxParallel Value
	Matrix      Value
}

// Step is one entry of a job's steps. It has either Run or Uses.
type Step struct {
	Index            int // from 0, without empty entries, which the server drops too
	ID               string
	If               Value
	Name             Value
	Run              Value
	Uses             Value
	Shell            Value
	WorkingDirectory Value
	Env              Value
	With             Value
	ContinueOnError  Value
	TimeoutMinutes   Value
	Line             int
}

// Defaults is defaults.run of a workflow or a job.
type Defaults struct {
	Shell            Value
	WorkingDirectory Value
}
