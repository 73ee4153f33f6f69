package model

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"multirunner/workflow/expression"
)

// maxEvaluated bounds the text that the expressions within one value may give
// together, in bytes.
const maxEvaluated = 64 << 20

// insertKey merges the mapping behind it into the one it stands in.
const insertKey = "insert"

// Eval gives the value with its expressions evaluated: scalars typed by the
// YAML core schema, a scalar that is one ${{ }} by what the expression gives,
// lists and mappings with all that is in them. `${{ insert }}: ${{ expr }}`
// merges a mapping into the one it stands in. Absent gives Null. The error is
// an *Error.
func (v Value) Eval(scope expression.Scope) (expression.Value, error) {
	if v.node == nil {
		return expression.Null, nil
	}
	e := evaluator{scope: scope}
	return e.eval(v)
}

// evaluator evaluates one Value.
type evaluator struct {
	scope expression.Scope
	text  int // bytes given by expressions so far
}

func (e *evaluator) eval(v Value) (expression.Value, error) {
	switch v.node.Kind {
	case yaml.SequenceNode:
		items := make([]expression.Value, 0, len(v.node.Content))
		for _, item := range v.Items() {
			got, err := e.eval(item)
			if err != nil {
				return expression.Null, err
			}
			items = append(items, got)
		}
		return expression.Array(items), nil
	case yaml.MappingNode:
		pairs, err := e.mapping(v, e.eval)
		return expression.NewObject(pairs...), err
	}
	return e.scalar(v)
}

func (e *evaluator) scalar(v Value) (expression.Value, error) {
	if !v.IsExpression() {
		return typed(v.node), nil
	}
	template, err := expression.ParseTemplate(v.node.Value)
	if err != nil {
		return expression.Null, v.Errorf("%w", err)
	}
	got, err := template.Eval(e.scope)
	if err != nil {
		return expression.Null, v.Errorf("%w", err)
	}
	if got.Kind() != expression.KindString {
		return got, nil
	}
	if e.text += len(got.Text()); e.text > maxEvaluated {
		return expression.Null, v.Errorf("expressions give more than %d bytes of text", maxEvaluated)
	}
	return got, nil
}

// mapping evaluates a mapping's keys, and its values by the given function.
func (e *evaluator) mapping(v Value, value func(Value) (expression.Value, error)) ([]expression.Pair, error) {
	var pairs []expression.Pair
	for i, f := range v.fields() {
		key := Value{node: v.node.Content[2*i], at: f.value.at}
		if isInsert(f.key) {
			object, err := e.inserted(f.value)
			if err != nil {
				return nil, err
			}
			for _, k := range object.Keys() {
				got, _ := object.Get(k)
				pairs = append(pairs, expression.Pair{Key: k, Value: got})
			}
			continue
		}
		name := f.key
		if key.IsExpression() {
			got, err := e.scalar(key)
			if err != nil {
				return nil, err
			}
			name = got.Text()
		}
		got, err := value(f.value)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, expression.Pair{Key: name, Value: got})
	}
	return pairs, nil
}

// isInsert knows the key `${{ insert }}`.
func isInsert(key string) bool {
	inner, ok := strings.CutPrefix(strings.TrimSpace(key), "${{")
	if !ok {
		return false
	}
	inner, ok = strings.CutSuffix(inner, "}}")
	return ok && strings.EqualFold(strings.TrimSpace(inner), insertKey)
}

func (e *evaluator) inserted(v Value) (expression.Value, error) {
	object, err := e.eval(v)
	if err != nil {
		return expression.Null, err
	}
	if k := object.Kind(); k != expression.KindObject && k != expression.KindNull {
		return expression.Null, v.Errorf("%s takes a mapping, not a value of type %s", insertKey, k)
	}
	return object, nil
}
