package model

import (
	"slices"

	"multirunner/workflow/expression"
)

// The events that declare inputs.
const (
	eventDispatch = "workflow_dispatch"
	eventCall     = "workflow_call"
)

// events reads on: a name, a list of names, or a mapping of names.
func (p *parser) events(v Value) []Event {
	v = p.want(v, scalar|list|mapping)
	var events []Event
	switch {
	case v.IsMapping():
		for _, f := range v.fields() {
			events = append(events, p.event(f))
		}
	case v.IsList():
		for _, item := range v.Items() {
			for _, name := range p.texts(p.want(item, scalar)) {
				events = append(events, Event{Name: name, Line: item.Line()})
			}
		}
	default:
		for _, name := range p.texts(v) {
			events = append(events, Event{Name: name, Line: v.Line()})
		}
	}
	return events
}

func (p *parser) event(f field) Event {
	e := Event{Name: f.key, Config: f.value, Line: f.line}
	switch f.key {
	case eventDispatch:
		p.unknown(f.value, dispatchKeys)
	case eventCall:
		p.unknown(f.value, callKeys)
	default:
		return e
	}
	config := p.want(f.value, mapping)
	for _, input := range p.want(config.Get("inputs"), mapping).fields() {
		e.Inputs = append(e.Inputs, p.input(f.key, input))
	}
	if f.key == eventCall {
		for _, secret := range p.want(config.Get("secrets"), mapping).fields() {
			e.Secrets = append(e.Secrets, p.callSecret(secret))
		}
		for _, output := range p.want(config.Get("outputs"), mapping).fields() {
			e.Outputs = append(e.Outputs, p.callOutput(output))
		}
	}
	return e
}

func (p *parser) callSecret(f field) CallSecret {
	v := p.want(f.value, mapping)
	p.unknown(v, callSecretKeys)
	s := CallSecret{Name: f.key, Description: p.want(v.Get("description"), scalar).Text(), Line: f.line}
	s.Required, _ = p.bool(v.Get("required")).EvalBool(expression.Scope{}, false)
	return s
}

func (p *parser) callOutput(f field) CallOutput {
	v := p.want(f.value, mapping)
	unknown := p.unknown(v, callOutputKeys)
	o := CallOutput{
		Name: f.key, Description: p.want(v.Get("description"), scalar).Text(), Value: p.want(v.Get("value"), scalar), Line: f.line,
	}
	if o.Value.IsZero() {
		e := f.value.Errorf(`has no "value", so it is always empty%s`, meant("value", unknown))
		e.Line = f.line
		p.warn(e)
	}
	p.expressions(o.Value)
	return o
}

func (p *parser) input(event string, f field) Input {
	in := Input{Name: f.key, Type: InputString, Line: f.line}
	v := p.want(f.value, mapping)
	p.unknown(v, inputKeys)
	in.Description = p.want(v.Get("description"), scalar).Text()
	in.Default = p.want(v.Get("default"), scalar)
	in.Options = p.texts(v.Get("options"))
	in.Required, _ = p.bool(v.Get("required")).EvalBool(expression.Scope{}, false)
	written := p.want(v.Get("type"), scalar)
	if written.IsZero() {
		return in
	}
	known := []InputType{InputString, InputBoolean, InputNumber, InputChoice, InputEnvironment}
	if event == eventCall {
		known = known[:3]
	}
	in.Type = InputType(written.Text())
	if !slices.Contains(known, in.Type) {
		p.warn(written.Errorf("unknown type %q, the input is taken as a string; known are %v", excerpt(written.Text()), known))
		in.Type = InputString
	}
	if in.Type == InputChoice && len(in.Options) == 0 {
		p.warn(v.Errorf("a choice without options"))
	}
	return in
}
