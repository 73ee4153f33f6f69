package model

import (
	"bytes"
	"math"
	"strings"

	"go.yaml.in/yaml/v4"

	"multirunner/workflow/expression"
)

// MarshalOptions say what MarshalJob puts into a payload.
type MarshalOptions struct {
	// KeepAll keeps every key of the workflow, the job and the steps. Without it
	// the payload is what a Gitea server sends: keys it does not know are
	// dropped, and many values become strings.
	KeepAll bool
	// Name is the job's evaluated name; "" keeps what is written, or else the id.
	Name string
	// RunName is the evaluated run-name; "" keeps what is written.
	RunName string
	// RunsOn are the evaluated labels; nil keeps what is written.
	RunsOn []string
	// ContinueOnError is the evaluated value of the job's; nil keeps what is written.
	ContinueOnError *bool
	// Matrix is the combination that this task is for: an object; Null keeps
	// what is written.
	Matrix expression.Value
}

// MarshalJob gives the payload of a task: the workflow with this job only, its
// matrix as lists of one value each, empty steps left out. What was evaluated
// and has a ${{ in it is written so that it is not evaluated again.
func (w *Workflow) MarshalJob(job *Job, opts MarshalOptions) ([]byte, error) {
	var root *yaml.Node
	if opts.KeepAll {
		root = w.keptWorkflow(job, opts)
	} else {
		var err error
		if root, err = w.serverWorkflow(job, opts); err != nil {
			return nil, err
		}
	}
	return dump(root)
}

// dump writes a tree as a Gitea server does.
func dump(root *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	dumper, err := yaml.NewDumper(&out,
		yaml.WithIndent(4), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1), yaml.WithQuotePreference(yaml.QuoteDouble))
	if err != nil {
		return nil, err
	}
	// The dumper takes tags out of what it writes, which is the workflow's own.
	if err := dumper.Dump(cloneNode(root)); err != nil {
		return nil, err
	}
	if err := dumper.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func cloneNode(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = cloneNode(child)
	}
	return &c
}

// keptWorkflow replaces what is evaluated and keeps the rest as it is.
func (w *Workflow) keptWorkflow(job *Job, opts MarshalOptions) *yaml.Node {
	kept := buildFrom(job.node)
	if opts.Name != "" {
		kept.set("name", evaluatedText(opts.Name))
	}
	if opts.RunsOn != nil {
		kept.set("runs-on", labelsNode(opts.RunsOn))
	}
	if opts.ContinueOnError != nil {
		kept.set("continue-on-error", valueNode(expression.Bool(*opts.ContinueOnError)))
	}
	if steps := kept.get("steps"); steps != nil {
		kept.set("steps", withoutNulls(steps))
	}
	if opts.Matrix.Kind() == expression.KindObject {
		strategy := buildFrom(kept.get("strategy"))
		strategy.set("matrix", combinationNode(opts.Matrix))
		kept.set("strategy", strategy.node)
	}
	root := buildFrom(w.root)
	if opts.RunName != "" {
		root.set("run-name", evaluatedText(opts.RunName))
	}
	jobs := buildFrom(nil)
	jobs.set(job.ID, kept.node)
	root.set("jobs", jobs.node)
	return root.node
}

// builder makes a mapping.
type builder struct{ node *yaml.Node }

// buildFrom begins with the entries of a mapping, which stays as it is. Anything
// but a mapping gives an empty one.
func buildFrom(n *yaml.Node) builder {
	b := builder{&yaml.Node{Kind: yaml.MappingNode, Tag: tagMap}}
	if n != nil && n.Kind == yaml.MappingNode {
		b.node.Content = append(b.node.Content, n.Content...)
		b.node.Line = n.Line
	}
	return b
}

func (b builder) get(key string) *yaml.Node {
	for i := 0; i+1 < len(b.node.Content); i += 2 {
		if b.node.Content[i].Value == key {
			return b.node.Content[i+1]
		}
	}
	return nil
}

// set replaces or adds an entry. A nil value adds nothing. What replaces a value
// stands where that did.
func (b builder) set(key string, value *yaml.Node) {
	if value == nil {
		return
	}
	for i := 0; i+1 < len(b.node.Content); i += 2 {
		if b.node.Content[i].Value == key {
			if value.Line == 0 {
				value.Line = b.node.Content[i+1].Line
			}
			b.node.Content[i+1] = value
			return
		}
	}
	b.node.Content = append(b.node.Content, textNode(key), value)
}

func withoutNulls(list *yaml.Node) *yaml.Node {
	if list.Kind != yaml.SequenceNode {
		return list
	}
	kept := &yaml.Node{Kind: yaml.SequenceNode, Tag: tagSeq, Style: list.Style, Line: list.Line}
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode || item.Tag != tagNull {
			kept.Content = append(kept.Content, item)
		}
	}
	return kept
}

// textNode quotes what YAML 1.1 takes for a boolean, as the server does: its
// payloads may be read by such a reader.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: tagStr, Value: s}
	switch strings.ToLower(s) {
	case "y", "yes", "on", "n", "no", "off":
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// evaluatedText keeps what is evaluated already from being evaluated again.
func evaluatedText(s string) *yaml.Node {
	if strings.Contains(s, "${{") {
		s = "${{ '" + strings.ReplaceAll(s, "'", "''") + "' }}"
	}
	return textNode(s)
}

// labelsNode writes one label as a text, as the server does.
func labelsNode(labels []string) *yaml.Node {
	if len(labels) == 1 {
		return evaluatedText(labels[0])
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: tagSeq}
	for _, label := range labels {
		list.Content = append(list.Content, evaluatedText(label))
	}
	return list
}

func combinationNode(combination expression.Value) *yaml.Node {
	b := buildFrom(nil)
	for _, p := range pairsOf(combination) {
		b.set(p.Key, &yaml.Node{Kind: yaml.SequenceNode, Tag: tagSeq, Content: []*yaml.Node{valueNode(p.Value)}})
	}
	return b.node
}

// valueNode writes an evaluated value.
func valueNode(v expression.Value) *yaml.Node {
	switch v.Kind() {
	case expression.KindNull:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNull, Value: "null"}
	case expression.KindBoolean:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagBool, Value: v.Text()}
	case expression.KindNumber:
		return numberNode(v)
	case expression.KindArray:
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: tagSeq}
		for _, item := range v.Items() {
			list.Content = append(list.Content, valueNode(item))
		}
		return list
	case expression.KindObject:
		b := buildFrom(nil)
		for _, p := range pairsOf(v) {
			b.node.Content = append(b.node.Content, evaluatedText(p.Key), valueNode(p.Value))
		}
		return b.node
	}
	return evaluatedText(v.Text())
}

func numberNode(v expression.Value) *yaml.Node {
	text, f := v.Text(), v.Float()
	switch {
	case math.IsNaN(f):
		text = ".nan"
	case math.IsInf(f, 1):
		text = ".inf"
	case math.IsInf(f, -1):
		text = "-.inf"
	}
	tag := tagFloat
	if plainTag(text) == tagInt {
		tag = tagInt
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}
