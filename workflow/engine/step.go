package engine

import (
	"context"
	"fmt"
	"strings"

	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// work is what a step does. Each kind of step is one. Methods are called in the
// job's own goroutine, one at a time.
type work interface {
	// main does the step's work. It ends soon after ctx is done, which then
	// decides the result.
	main(ctx context.Context, r *stepRun) result
}

// preWork is work that may also do something before the first step of the job.
type preWork interface {
	work
	hasPre() bool
	preIf(scope expression.Scope) (bool, error)
	pre(ctx context.Context, r *stepRun) result
}

// postWork is work that may also do something after the last step, if its pre
// or main has begun. The last one to begin is the first one to come.
type postWork interface {
	work
	hasPost() bool
	postIf(scope expression.Scope) (bool, error)
	post(ctx context.Context, r *stepRun) result
}

// workOf gives what a step does. The payload's parser lets no step pass that
// has neither or both of run and uses.
func (j *Job) workOf(def *model.Step) work {
	if def.Uses.IsZero() {
		return runWork{def}
	}
	w := &usesWork{def: def}
	w.ref, w.fault = j.parseUses(def.Uses)
	return w
}

// step is one entry of the payload's steps or of a composite action's, or a hook.
type step struct {
	def    *model.Step // nil for a hook
	frame  *frame      // that it stands in
	index  int         // of the payload's step that it belongs to, from 0; -1 for a hook
	action string      // github.action
	work   work

	summary []byte // of all phases so far, masked; a step of the job has it for those within

	// Guarded by Job.mu.
	begun      bool
	hasPost    bool       // its post phase is to come
	outputs    *variables // names ignore case
	state      *variables
	outcome    result
	conclusion result
}

func newStep(def *model.Step, f *frame, index int, action string, w work) *step {
	return &step{
		def: def, frame: f, index: index, action: action, work: w,
		outputs: newVariables(true, 0), state: newVariables(true, 0),
	}
}

// embedded tells whether the step is one of a composite action.
func (s *step) embedded() bool { return s.frame.embedded() }

// top gives the step of the job that this one belongs to.
func (s *step) top() *step {
	for s.embedded() {
		s = s.frame.outer
	}
	return s
}

// origin tells where the action comes from that the step uses or that it is a
// part of: owner/name and ref, "" for what lies in the workspace.
func (s *step) origin() (repository, ref string) {
	if w, ok := s.work.(*usesWork); ok {
		return w.ref.Name, w.ref.Ref
	}
	if s.embedded() {
		return s.frame.outer.origin()
	}
	return "", ""
}

// value is the step's entry of the steps context. Job.mu is held.
func (s *step) value() expression.Value {
	outputs := make([]expression.Pair, len(s.outputs.list))
	for i, o := range s.outputs.list {
		outputs[i] = expression.Pair{Key: o.name, Value: expression.String(o.value)}
	}
	pairs := []expression.Pair{{Key: "outputs", Value: expression.NewObject(outputs...)}}
	if s.outcome != "" {
		pairs = append(pairs,
			expression.Pair{Key: "outcome", Value: expression.String(string(s.outcome))},
			expression.Pair{Key: "conclusion", Value: expression.String(string(s.conclusion))})
	}
	return expression.NewObject(pairs...)
}

// makeSteps gives the steps of the job with their github.action: the id, or a
// name made from the kind of step that no other step has.
func (j *Job) makeSteps() []*step {
	seen := make(map[string]int)
	steps := make([]*step, len(j.def.Steps))
	for i, def := range j.def.Steps {
		action := def.ID
		if action == "" {
			action = j.generatedName(def.Uses)
			if seen[action]++; seen[action] > 1 {
				action = fmt.Sprintf("%s_%d", action, seen[action])
			}
		}
		steps[i] = newStep(def, j.frame, i, action, j.kindOf(def))
	}
	return steps
}

// generatedName is __run, or __owner_repo for an action, __path for one of the
// workspace and __self for the workspace itself. A uses that cannot be read
// fails the job: its name is of no use.
func (j *Job) generatedName(uses model.Value) string {
	if uses.IsZero() {
		return "__run"
	}
	ref, _ := j.parseUses(uses)
	name := "self"
	if parts := strings.Trim(ref.Name+"/"+ref.Path+"/"+ref.Image, "/"); parts != "" {
		name = parts
	}
	return "__" + strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
}

// title names the step for people: its name, or what it runs. Expressions that
// cannot be evaluated are left as they are written.
func (s *step) title(scope expression.Scope) string {
	if s.def == nil {
		return s.action
	}
	if name, err := s.def.Name.EvalString(scope); err == nil && name != "" {
		return name
	}
	if name := s.def.Name.Text(); name != "" {
		return name
	}
	if !s.def.Uses.IsZero() {
		return "Run " + s.def.Uses.Text()
	}
	return "Run " + firstLine(s.def.Run.Text())
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(text, " \t\r\n"), "\n")
	return strings.TrimRight(line, " \t\r")
}
