package model

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Value is a value of a workflow as it is written, before evaluation, with its
// place. The zero Value is absent. It never holds an alias or a merge key.
type Value struct {
	node *yaml.Node
	at   *place
}

// place is where a Value belongs.
type place struct {
	file string
	job  string
	step int
	key  string // dotted, from the top, the job or the step
}

// IsZero tells whether the value is absent. A key with nothing behind it, or
// with null, is not.
func (v Value) IsZero() bool { return v.node == nil }

// IsNull tells whether the value is absent, null, or a key with nothing behind it.
func (v Value) IsNull() bool {
	return v.node == nil || v.node.Kind == yaml.ScalarNode && v.node.Tag == tagNull
}

// IsScalar tells whether the value is a text, number, boolean or null.
func (v Value) IsScalar() bool { return v.node != nil && v.node.Kind == yaml.ScalarNode }

// IsList tells whether the value is a list.
func (v Value) IsList() bool { return v.node != nil && v.node.Kind == yaml.SequenceNode }

// IsMapping tells whether the value is a mapping.
func (v Value) IsMapping() bool { return v.node != nil && v.node.Kind == yaml.MappingNode }

// IsExpression tells whether the value is a text with a ${{ in it.
func (v Value) IsExpression() bool { return v.node != nil && isExpression(v.node) }

func isExpression(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == tagStr && strings.Contains(n.Value, "${{")
}

// Node gives the YAML behind the value, nil when absent. It must not be changed.
func (v Value) Node() *yaml.Node { return v.node }

// Line gives the line that the value starts at, 0 when absent.
func (v Value) Line() int {
	if v.node == nil {
		return 0
	}
	return v.node.Line
}

// Text gives a scalar as it is written, "" for null, absent and anything else.
func (v Value) Text() string {
	if !v.IsScalar() || v.node.Tag == tagNull {
		return ""
	}
	return v.node.Value
}

// Get gives the value of a key of a mapping, absent when there is none.
func (v Value) Get(key string) Value {
	if !v.IsMapping() {
		return Value{}
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if v.node.Content[i].Value == key {
			return v.child(key, v.node.Content[i+1])
		}
	}
	return Value{}
}

// Keys gives the keys of a mapping in file order, nil for anything else.
func (v Value) Keys() []string {
	if !v.IsMapping() {
		return nil
	}
	keys := make([]string, 0, len(v.node.Content)/2)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		keys = append(keys, v.node.Content[i].Value)
	}
	return keys
}

// Items gives the entries of a list, nil for anything else.
func (v Value) Items() []Value {
	if !v.IsList() {
		return nil
	}
	items := make([]Value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = v.item(i, n)
	}
	return items
}

// field is a key of a mapping with its value.
type field struct {
	key   string
	line  int
	value Value
}

// fields gives a mapping in file order, nil for anything else.
func (v Value) fields() []field {
	if !v.IsMapping() {
		return nil
	}
	fields := make([]field, 0, len(v.node.Content)/2)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := v.node.Content[i]
		fields = append(fields, field{key.Value, key.Line, v.child(key.Value, v.node.Content[i+1])})
	}
	return fields
}

// maxPath is where the dotted path of a place ends, in bytes: keys may be as
// long as the source.
const maxPath = 200

// child gives the value of a key that belongs to this one.
func (v Value) child(key string, n *yaml.Node) Value {
	if v.at.key == "" {
		return v.part(excerpt(key), n)
	}
	return v.part("."+excerpt(key), n)
}

func (v Value) item(i int, n *yaml.Node) Value {
	return v.part("["+strconv.Itoa(i)+"]", n)
}

func (v Value) part(path string, n *yaml.Node) Value {
	at := *v.at
	if len(at.key) < maxPath {
		at.key += path
	}
	return Value{node: n, at: &at}
}

// Errorf gives an error at the value's place. An absent value has none.
func (v Value) Errorf(format string, args ...any) *Error {
	e := &Error{Line: v.Line()}
	if v.at != nil {
		e.File, e.Job, e.Step, e.Key = v.at.file, v.at.job, v.at.step, v.at.key
	}
	wrapped := fmt.Errorf(format, args...)
	e.Message, e.Err = wrapped.Error(), errors.Unwrap(wrapped)
	return e
}
