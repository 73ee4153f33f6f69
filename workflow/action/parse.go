package action

import (
	"fmt"
	"path"
	"strings"

	"multirunner/helpers/suggest"
	"multirunner/workflow/model"
)

// what names the document in errors.
const what = "an action manifest"

// maxWarnings is how many warnings a manifest is told.
const maxWarnings = 20

// The keys of a manifest, as GitHub documents under "Metadata syntax". Others
// at the top, and within an input, belong to whoever wrote them.
var (
	topKeys = []string{"name", "description", "author", "inputs", "outputs", "runs", "branding"}

	nodeKeys      = []string{"using", "main", "pre", "pre-if", "post", "post-if"}
	compositeKeys = []string{"using", "steps"}
	dockerKeys    = []string{
		"using", "image", "entrypoint", "args", "env", "pre-entrypoint", "pre-if", "post-entrypoint", "post-if",
	}
)

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// Parse parses a manifest. file is what errors call it. The error is a
// *model.Error or model.Errors. Paths are checked as far as the text goes, the
// rest is Load's work.
func Parse(file string, data []byte) (*Manifest, error) {
	root, err := model.Document(file, what, data)
	if err != nil {
		return nil, err
	}
	if !root.IsMapping() {
		return nil, root.Errorf("not %s: it is %s, not a mapping", what, root.Kind())
	}
	p := parser{manifest: &Manifest{File: file}}
	p.manifest.Name = p.text(root.Get("name"))
	p.inputs(root.Get("inputs"))
	p.outputs(root.Get("outputs"))
	p.runs(root)
	if err := p.err(); err != nil {
		return nil, err
	}
	return p.manifest, nil
}

// parser collects what it finds wrong and goes on.
type parser struct {
	manifest *Manifest
	faults   model.Errors
}

func (p *parser) err() error {
	switch len(p.faults) {
	case 0:
		return nil
	case 1:
		return p.faults[0]
	}
	return p.faults
}

func (p *parser) fault(v model.Value, format string, args ...any) {
	if len(p.faults) < maxWarnings {
		p.faults = append(p.faults, v.Errorf(format, args...))
	}
}

func (p *parser) warn(warnings ...*model.Error) {
	room := maxWarnings - len(p.manifest.Warnings)
	p.manifest.Warnings = append(p.manifest.Warnings, warnings[:min(room, len(warnings))]...)
}

// text gives a scalar as written.
func (p *parser) text(v model.Value) string {
	if !v.IsNull() && !v.IsScalar() {
		p.fault(v, "must be a text, not %s", v.Kind())
	}
	return v.Text()
}

// mapping gives the value when it is a mapping; null counts as absent.
func (p *parser) mapping(v model.Value) model.Value {
	if v.IsNull() {
		return model.Value{}
	}
	if !v.IsMapping() {
		p.fault(v, "must be a mapping, not %s", v.Kind())
		return model.Value{}
	}
	return v
}

// scalar gives the value when it is a scalar; null counts as absent.
func (p *parser) scalar(v model.Value) model.Value {
	if v.IsNull() {
		return model.Value{}
	}
	if !v.IsScalar() {
		p.fault(v, "must be a text, not %s", v.Kind())
		return model.Value{}
	}
	return v
}

func (p *parser) inputs(v model.Value) {
	v = p.mapping(v)
	seen := map[string]bool{}
	for _, name := range v.Keys() {
		body := v.Get(name)
		if folded := strings.ToLower(name); seen[folded] {
			p.fault(body, "is declared twice: names of inputs that differ in case only are the same")
			continue
		} else {
			seen[folded] = true
		}
		line := body.Line()
		body = p.mapping(body)
		input := Input{
			Name:        name,
			Default:     p.scalar(body.Get("default")),
			Required:    equalFold(body.Get("required").Text(), "true"),
			Deprecation: body.Get("deprecationMessage").Text(),
			Line:        line,
		}
		p.warn(input.Default.CheckExpressions()...)
		p.manifest.Inputs = append(p.manifest.Inputs, input)
	}
}

func (p *parser) outputs(v model.Value) {
	v = p.mapping(v)
	for _, name := range v.Keys() {
		body := v.Get(name)
		line := body.Line()
		output := Output{Name: name, Value: p.scalar(p.mapping(body).Get("value")), Line: line}
		p.warn(output.Value.CheckExpressions()...)
		p.manifest.Outputs = append(p.manifest.Outputs, output)
	}
}

func (p *parser) runs(root model.Value) {
	v := root.Get("runs")
	if v.IsNull() {
		p.fault(root, `not %s: it has no "runs"%s`, what, meant("runs", root.Keys(), topKeys))
		return
	}
	if v = p.mapping(v); v.IsZero() {
		return
	}
	using := v.Get("using")
	runs := Runs{Using: Using(strings.ToLower(strings.TrimSpace(p.text(using))))}
	switch {
	case using.IsNull():
		p.fault(v, `has no "using": it says what the action runs on, one of %s%s`, supportedList(), meant("using", v.Keys(), nil))
		return
	case runs.Using.IsNode():
		p.warn(v.UnknownKeys(nodeKeys...)...)
		p.node(v, &runs)
	case runs.Using == Composite:
		p.warn(v.UnknownKeys(compositeKeys...)...)
		p.composite(v, &runs)
	case runs.Using == DockerImage:
		p.warn(v.UnknownKeys(dockerKeys...)...)
		p.docker(v, &runs)
	case using.IsScalar():
		p.fault(using, "%q is nothing that actions of this runner run on, it knows %s", excerpt(using.Text()), supportedList())
	}
	p.manifest.Runs = runs
}

// meant names the key that a missing one was probably written as, as the end
// of a sentence.
func meant(key string, written, known []string) string {
	for _, name := range written {
		isKnown := false
		for _, k := range known {
			isKnown = isKnown || k == name
		}
		if !isKnown && len(name) < maxPathLength && suggest.Nearest(name, []string{key}) != "" {
			return fmt.Sprintf("; is %q meant to be it?", excerpt(name))
		}
	}
	return ""
}

func supportedList() string {
	words := make([]string, len(supported))
	for i, u := range supported {
		words[i] = string(u)
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func (p *parser) node(v model.Value, runs *Runs) {
	runs.Main, runs.Pre, runs.Post = p.path(v.Get("main")), p.path(v.Get("pre")), p.path(v.Get("post"))
	p.conditions(v, runs)
	if main := v.Get("main"); main.IsNull() || main.IsScalar() && main.Text() == "" {
		p.fault(v, `has no "main": the JavaScript file that %s runs%s`, runs.Using, meant("main", v.Keys(), nodeKeys))
	}
}

func (p *parser) conditions(v model.Value, runs *Runs) {
	runs.PreIf, runs.PostIf = p.scalar(v.Get("pre-if")), p.scalar(v.Get("post-if"))
	p.warn(runs.PreIf.CheckCondition()...)
	p.warn(runs.PostIf.CheckCondition()...)
}

// path gives the path of a file of the repository. How far up it may lead only
// Load knows: an action below the top may use files beside it.
func (p *parser) path(v model.Value) string {
	text := p.text(v)
	if fault := pathFault(text); fault != "" {
		p.fault(v, "%q %s", excerpt(text), fault)
		return ""
	}
	return text
}

func pathFault(text string) string {
	switch {
	case strings.HasPrefix(text, "/"):
		return "is an absolute path, it must be relative to the action's directory"
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' || c == ':' }):
		return "is not the path of a file of the action"
	case len(text) > maxPathLength:
		return fmt.Sprintf("is longer than %d bytes", maxPathLength)
	case strings.Count(path.Clean(text), "../") > maxUp:
		return "leads out of the action's repository"
	}
	return ""
}

// maxUp is how far up a path can lead: a reference has no longer path.
const maxUp = maxPathLength / 2

func (p *parser) composite(v model.Value, runs *Runs) {
	steps, warnings, err := model.CompositeSteps(v.Get("steps"))
	p.warn(warnings...)
	switch err := err.(type) {
	case *model.Error:
		p.faults = append(p.faults, err)
	case model.Errors:
		p.faults = append(p.faults, err...)
	}
	for _, step := range steps {
		if step.Uses.Text() == "" {
			continue
		}
		if _, err := ParseUses(step.Uses.Text()); err != nil {
			p.fault(step.Uses, "%s", strings.TrimPrefix(err.Error(), "uses: "))
		}
	}
	if err == nil && len(steps) == 0 {
		p.fault(v, `has no "steps": a composite action needs one at least%s`, meant("steps", v.Keys(), compositeKeys))
	}
	runs.Steps = steps
}

func (p *parser) docker(v model.Value, runs *Runs) {
	runs.Image = p.image(v)
	runs.Entrypoint, runs.PreEntrypoint, runs.PostEntrypoint = p.text(v.Get("entrypoint")), p.text(v.Get("pre-entrypoint")), p.text(v.Get("post-entrypoint"))
	p.conditions(v, runs)
	if args := v.Get("args"); !args.IsNull() && !args.IsList() {
		p.fault(args, "must be a list, not %s", args.Kind())
	} else if !args.IsNull() {
		runs.Args = args
	}
	for _, item := range runs.Args.Items() {
		p.scalar(item)
	}
	runs.Env = p.mapping(v.Get("env"))
	for _, key := range runs.Env.Keys() {
		p.scalar(runs.Env.Get(key))
	}
	p.warn(runs.Args.CheckExpressions()...)
	p.warn(runs.Env.CheckExpressions()...)
}

func (p *parser) image(v model.Value) string {
	image := v.Get("image")
	text := p.text(image)
	switch {
	case image.IsNull() || image.IsScalar() && text == "":
		p.fault(v, `has no "image": the path of a Dockerfile, or docker://image%s`, meant("image", v.Keys(), dockerKeys))
		return ""
	case !strings.HasPrefix(text, "docker://"):
		return p.path(image)
	}
	if _, err := ParseUses(text); err != nil {
		p.fault(image, "%q names no image", excerpt(text))
		return ""
	}
	return text
}
