package model

import (
	"fmt"
	"slices"

	"multirunner/workflow/expression"
)

// The keys of the language, as GitHub documents under "Workflow syntax", and
// what Gitea adds.
var (
	workflowKeys = []string{"name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"}
	jobKeys      = []string{
		"name", "needs", "if", "permissions", "runs-on", "snapshot", "environment", "concurrency", "outputs", "env", "defaults", "steps",
		"timeout-minutes", "cancel-timeout-minutes", "strategy", "continue-on-error", "container", "services", "uses", "with", "secrets",
	}
	stepKeys = []string{
		"id", "if", "name", "uses", "run", "working-directory", "shell", "with", "env", "continue-on-error", "timeout-minutes",
	}
	compositeStepKeys = []string{
		"id", "if", "name", "uses", "run", "working-directory", "shell", "with", "env", "continue-on-error",
	}
	strategyKeys  = []string{"matrix", "fail-fast", "max-parallel"}
	defaultsKeys  = []string{"run"}
	runKeys       = []string{"shell", "working-directory"}
	containerKeys = []string{"image", "credentials", "env", "ports", "volumes", "options"}
	serviceKeys   = []string{"image", "credentials", "env", "ports", "volumes", "options", "cmd", "command", "entrypoint"}
	runsOnKeys    = []string{"group", "labels"}
	callKeys      = []string{"inputs", "outputs", "secrets"}
	dispatchKeys  = []string{"inputs"}
	inputKeys     = []string{"description", "deprecationMessage", "required", "default", "type", "options"}

	// What a job that calls a workflow may have.
	callJobKeys    = []string{"name", "uses", "with", "secrets", "strategy", "needs", "if", "concurrency", "permissions"}
	callSecretKeys = []string{"description", "required"}
	callOutputKeys = []string{"description", "value"}
)

// maxFaults is how many faults and how many warnings a workflow is told.
const maxFaults = 20

// parser collects what it finds wrong and goes on, so that one run of the
// program shows all faults.
type parser struct {
	file      string
	composite bool // the steps are those of a composite action
	faults    Errors
	warnings  []*Error
}

func (p *parser) fault(v Value, format string, args ...any) {
	p.faultError(v.Errorf(format, args...))
}

func (p *parser) faultError(e *Error) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, e)
	}
}

func (p *parser) warn(e *Error) {
	if len(p.warnings) < maxFaults {
		p.warnings = append(p.warnings, e)
	}
}

// unknown warns of keys that the language does not have, and gives them.
func (p *parser) unknown(v Value, known []string) []string {
	var found []string
	for _, f := range v.fields() {
		if slices.Contains(known, f.key) || len(found) == maxFaults {
			continue
		}
		found = append(found, f.key)
		e := f.value.Errorf("%s", unknownKey(f.key, known))
		e.Line, e.Key = f.line, v.at.key
		p.warn(e)
	}
	return found
}

func unknownKey(key string, known []string) string {
	text := fmt.Sprintf("unknown key %q", excerpt(key))
	if near := nearest(key, known); near != "" {
		text += fmt.Sprintf(", did you mean %q?", near)
	}
	return text
}

// The shapes a value may have. Null stands for an absent value everywhere.
type shape int

const (
	scalar shape = 1 << iota
	list
	mapping
	expr // a ${{ }} for the whole value, where scalar is not allowed
)

func (s shape) String() string {
	var words []string
	for _, w := range []struct {
		shape shape
		word  string
	}{{scalar, "a text"}, {list, "a list"}, {mapping, "a mapping"}} {
		if s&w.shape != 0 {
			words = append(words, w.word)
		}
	}
	switch len(words) {
	case 1:
		return words[0]
	case 2:
		return words[0] + " or " + words[1]
	}
	return "a text, a list or a mapping"
}

// want gives the value when it has one of the shapes. Otherwise it is a fault,
// and the value counts as absent.
func (p *parser) want(v Value, s shape) Value {
	switch {
	case v.IsNull():
		return Value{}
	case v.IsList() && s&list != 0, v.IsMapping() && s&mapping != 0, v.IsScalar() && s&scalar != 0:
		return v
	case v.IsExpression() && s&expr != 0:
		return v
	}
	p.fault(v, "must be %s, not %s", s, kindName(v.node))
	return Value{}
}

// bool and number hold what needs no evaluation to be seen as wrong.
func (p *parser) bool(v Value) Value {
	v = p.want(v, scalar)
	if v.IsZero() || v.IsExpression() {
		return v
	}
	if _, err := v.EvalBool(expression.Scope{}, false); err != nil {
		p.fault(v, "must be true or false, not %q", excerpt(v.Text()))
	}
	return v
}

func (p *parser) number(v Value) Value {
	v = p.want(v, scalar)
	if v.IsZero() || v.IsExpression() {
		return v
	}
	if _, _, err := v.EvalNumber(expression.Scope{}); err != nil {
		p.fault(v, "must be a number, not %q", excerpt(v.Text()))
	}
	return v
}

// scalars holds that a mapping has only texts, as env does.
func (p *parser) scalars(v Value) Value {
	v = p.want(v, mapping|expr)
	for _, f := range v.fields() {
		if isInsert(f.key) {
			p.want(f.value, mapping|expr)
			continue
		}
		p.want(f.value, scalar)
	}
	return v
}

// texts gives a list of plain texts, or a single one, without expressions.
func (p *parser) texts(v Value) []string {
	v = p.want(v, scalar|list)
	items := v.Items()
	if v.IsScalar() {
		items = []Value{v}
	}
	var texts []string
	for _, item := range items {
		text := p.want(item, scalar).Text()
		switch {
		case item.IsExpression():
			p.fault(item, "must be a plain text, expressions are not evaluated here")
		case text == "" && (item.IsScalar()):
			p.fault(item, "must not be empty")
		case text != "":
			texts = append(texts, text)
		}
	}
	return texts
}

// expressions warns of expressions that cannot be read. They fail where they
// are evaluated, which may be never.
func (p *parser) expressions(v Value) {
	switch {
	case v.IsExpression():
		if _, err := expression.ParseTemplate(v.node.Value); err != nil {
			p.warn(v.Errorf("%w", err))
		}
	case v.IsList():
		for _, item := range v.Items() {
			p.expressions(item)
		}
	case v.IsMapping():
		for _, f := range v.fields() {
			p.expressions(f.value)
		}
	}
}

// condition does the same for an if, which needs no ${{ }}.
func (p *parser) condition(v Value) Value {
	v = p.want(v, scalar)
	if _, err := expression.Condition(v.Text()); err != nil {
		p.warn(v.Errorf("%w", err))
	}
	return v
}
