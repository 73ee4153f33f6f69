package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// Bounds of what Parse takes. A file of real life is a hundred times smaller.
const (
	maxSource = 1 << 20 // bytes
	maxDepth  = 100     // lists and mappings within each other
	maxNodes  = 100_000 // values, aliases counted as what they stand for
	maxText   = 8 << 20 // bytes of scalars, counted alike
)

// load reads one YAML document and gives its tree with aliases and merge keys
// replaced, tags resolved, comments and anchors gone. Anchored parts are
// shared. what is what the document should be, for errors: "a workflow".
func load(file, what string, data []byte) (*yaml.Node, error) {
	if len(data) > maxSource {
		return nil, &Error{File: file, Message: fmt.Sprintf("%d bytes are too many for %s, at most %d are taken", len(data), what, maxSource)}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return nil, &Error{File: file, Message: err.Error(), Err: err}
	}
	var doc yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		return nil, &Error{File: file, Message: "is empty, not " + what}
	} else if err != nil {
		return nil, syntaxError(file, err)
	}
	var second yaml.Node
	if err := loader.Load(&second); err == nil {
		return nil, &Error{File: file, Line: second.Line, Message: "a second YAML document starts here, " + what + " is one document"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &Error{File: file, Message: "is empty, not " + what}
	}
	c := cleaner{file: file, what: what, done: map[*yaml.Node]*cleaned{}}
	root, err := c.clean(doc.Content[0])
	if err != nil {
		return nil, err
	}
	return root.node, nil
}

// syntaxError keeps the place and the words of a YAML error, without the
// library's name and stages.
func syntaxError(file string, err error) error {
	e := &Error{File: file, Err: err, Message: "not valid YAML: " + err.Error()}
	var le *yaml.LoadError
	if errors.As(err, &le) {
		e.Line = le.Mark.Line
		e.Message = "not valid YAML: " + le.Message
		if le.ContextMsg != "" {
			e.Message += ", " + le.ContextMsg
		}
	}
	return e
}

// cleaner makes the tree that the rest of the package works on.
type cleaner struct {
	file string
	what string
	done map[*yaml.Node]*cleaned // anchored nodes; nil while one is being cleaned
}

// cleaned is a finished node and what it costs wherever it is used.
type cleaned struct {
	node   *yaml.Node
	nodes  int
	text   int
	height int
}

// add counts a child. The bounds hold at every node, so that no sum overflows.
func (c *cleaned) add(child *cleaned) {
	c.nodes += child.nodes
	c.text += child.text
	c.height = max(c.height, child.height+1)
}

func (c *cleaner) errorf(n *yaml.Node, format string, args ...any) error {
	return &Error{File: c.file, Line: n.Line, Message: fmt.Sprintf(format, args...)}
}

// clean recurses at most as deep as the loader let the document be: an alias
// stands after its anchor, which is finished by then.
func (c *cleaner) clean(n *yaml.Node) (*cleaned, error) {
	if n.Kind == yaml.AliasNode {
		got, known := c.done[n.Alias]
		if !known || got == nil {
			return nil, c.errorf(n, "alias *%s stands inside of what it refers to", n.Value)
		}
		return got, nil
	}
	if n.Anchor != "" {
		c.done[n] = nil
	}
	got, err := c.cleanNode(n)
	if err != nil {
		return nil, err
	}
	if n.Anchor != "" {
		c.done[n] = got
	}
	return got, c.check(n, got)
}

func (c *cleaner) check(n *yaml.Node, got *cleaned) error {
	switch {
	case got.nodes > maxNodes:
		return c.errorf(n, "more than %d values, counting what aliases stand for", maxNodes)
	case got.text > maxText:
		return c.errorf(n, "more than %d bytes of text, counting what aliases stand for", maxText)
	case got.height > maxDepth:
		return c.errorf(n, "more than %d lists and mappings within each other, counting what aliases stand for", maxDepth)
	}
	return nil
}

func (c *cleaner) cleanNode(n *yaml.Node) (*cleaned, error) {
	got := &cleaned{nodes: 1, node: &yaml.Node{Kind: n.Kind, Style: n.Style &^ yaml.TaggedStyle, Line: n.Line, Column: n.Column}}
	switch n.Kind {
	case yaml.ScalarNode:
		return got, c.cleanScalar(n, got)
	case yaml.SequenceNode:
		got.node.Tag = tagSeq
		return got, c.cleanSequence(n, got)
	case yaml.MappingNode:
		got.node.Tag = tagMap
		return got, c.cleanMapping(n, got)
	}
	return nil, c.errorf(n, "a kind of YAML that %s cannot have", c.what)
}

func (c *cleaner) cleanScalar(n *yaml.Node, got *cleaned) error {
	tag := ""
	if n.Style&yaml.TaggedStyle != 0 {
		tag = n.ShortTag()
	}
	resolved, err := resolveTag(tag, n)
	if err != nil {
		return c.errorf(n, "%v", err)
	}
	got.node.Tag, got.node.Value, got.text = resolved, n.Value, len(n.Value)
	if resolved != tagStr {
		got.node.Style = 0
	}
	if resolved == tagNull {
		got.node.Value = "null" // an empty one is written as "" in flow style
	}
	return nil
}

func (c *cleaner) cleanSequence(n *yaml.Node, got *cleaned) error {
	if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != tagSeq {
		return c.errorf(n, "tag %s on a list", n.ShortTag())
	}
	for _, item := range n.Content {
		child, err := c.clean(item)
		if err != nil {
			return err
		}
		got.node.Content = append(got.node.Content, child.node)
		got.add(child)
		if err := c.check(item, got); err != nil {
			return err
		}
	}
	return nil
}
