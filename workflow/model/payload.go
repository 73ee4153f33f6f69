package model

import (
	"encoding/json"

	"go.yaml.in/yaml/v4"
)

// SourceKey is where a task's context has its Source, when whoever planned the
// task knows it. Servers do not.
const SourceKey = "multirunner_source"

// Source tells where the values of a payload were written.
type Source struct {
	File  string `json:"file"`
	Lines []int  `json:"lines"` // of all keys and values of the payload, in its order
}

// ParseSource reads what Text gave. What is none gives the zero Source.
func ParseSource(text string) Source {
	var s Source
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Source{}
	}
	return s
}

// Text gives the source in one line.
func (s Source) Text() string {
	text, _ := json.Marshal(s) // a text and numbers: it does not fail
	return string(text)
}

// ParsePayload is Parse for the payload of a task. The author of the workflow
// has never seen it, so errors tell no line of it: they tell the source's, if
// that is known.
func ParsePayload(name string, data []byte, from Source) (*Workflow, error) {
	root, err := load(name, "a workflow", data)
	if err != nil {
		return nil, err
	}
	nodes := flatten(nil, root)
	known := from.File != "" && len(from.Lines) == len(nodes)
	if known {
		name = from.File
	}
	for i, n := range nodes {
		n.Line = 0
		if known {
			n.Line = from.Lines[i]
		}
	}
	return fromTree(name, root)
}

// flatten adds a node and all that is in it to a list, in order.
func flatten(list []*yaml.Node, n *yaml.Node) []*yaml.Node {
	list = append(list, n)
	for _, child := range n.Content {
		list = flatten(list, child)
	}
	return list
}

// Source gives the source of the payload that MarshalJob makes with KeepAll.
func (w *Workflow) Source(job *Job, opts MarshalOptions) Source {
	return Source{File: w.File, Lines: linesOf(nil, w.keptWorkflow(job, opts), 0)}
}

// linesOf adds the lines of a node and of all that is in it. What was evaluated
// has none of its own and stands where the value around it does.
func linesOf(list []int, n *yaml.Node, above int) []int {
	line := n.Line
	if line == 0 {
		line = above
	}
	list = append(list, line)
	for _, child := range n.Content {
		list = linesOf(list, child, line)
	}
	return list
}
