package model

// Document reads one YAML document that is no workflow but speaks the language
// of workflows, such as the manifest of an action. what is what it should be,
// for errors: "an action manifest". The error is an *Error.
func Document(file, what string, data []byte) (Value, error) {
	root, err := load(file, what, data)
	if err != nil {
		return Value{}, err
	}
	return Value{node: root, at: &place{file: file}}, nil
}

// CompositeSteps parses the steps of a composite action. They are steps as
// those of a job, without a timeout-minutes, and a run needs a shell (GitHub:
// action schema). v is of a Document. The error is an *Error or Errors; what
// steps cannot have is warned of and counts as absent.
func CompositeSteps(v Value) (steps []*Step, warnings []*Error, err error) {
	p := &parser{composite: true}
	if v.at != nil {
		p.file = v.at.file
	}
	steps = p.steps("", v)
	switch len(p.faults) {
	case 0:
		return steps, p.warnings, nil
	case 1:
		return nil, p.warnings, p.faults[0]
	}
	return nil, p.warnings, p.faults
}

// UnknownKeys warns of keys of a mapping that are none of the known ones, with
// what may have been meant. It gives at most 20.
func (v Value) UnknownKeys(known ...string) []*Error {
	var p parser
	p.unknown(v, known)
	return p.warnings
}

// CheckExpressions warns of expressions in the value that cannot be read: they
// fail where they are evaluated, which may be never. It gives at most 20.
func (v Value) CheckExpressions() []*Error {
	var p parser
	p.expressions(v)
	return p.warnings
}

// CheckCondition does the same for an if, which needs no ${{ }}.
func (v Value) CheckCondition() []*Error {
	var p parser
	p.condition(v)
	return append(p.faults, p.warnings...)
}

// Kind says in words what the value is: "a text", "a list", "a mapping", "a
// boolean", "a number", "empty", "nothing".
func (v Value) Kind() string { return kindName(v.node) }
