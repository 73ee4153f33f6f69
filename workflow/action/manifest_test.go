package action

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/workflow/model"
)

func mustParse(t *testing.T, source string) *Manifest {
	t.Helper()
	m, err := Parse("action.yml", []byte(source))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return m
}

func TestANodeActionIsParsed(t *testing.T) {
	m := mustParse(t, `name: Greet
description: says hello
author: me
branding: {icon: x}
inputs:
  Who To:
    description: whom
    required: true
    default: 1.10
  old:
    deprecationMessage: use new
    default: ${{ github.token }}
  bare:
outputs:
  time: {description: when}
runs:
  using: Node20
  main: dist/index.js
  pre: dist/pre.js
  pre-if: runner.os == 'Linux'
  post: dist/post.js
  post-if: success()
`)
	if m.Name != "Greet" || m.Runs.Using != Node20 || !m.Runs.Using.IsNode() {
		t.Errorf("got %+v", m)
	}
	if m.Runs.Main != "dist/index.js" || m.Runs.Pre != "dist/pre.js" || m.Runs.Post != "dist/post.js" || m.Runs.PostIf.Text() != "success()" || m.Runs.PreIf.Text() != "runner.os == 'Linux'" {
		t.Errorf("runs: %+v", m.Runs)
	}
	if diff := cmp.Diff([]string{"Who To", "old", "bare"}, m.InputNames()); diff != "" {
		t.Error(diff)
	}
	who, known := m.Input("who tO")
	if !known || !who.Required || who.Default.Text() != "1.10" || who.Line != 7 {
		t.Errorf("who: %+v", who)
	}
	old, _ := m.Input("old")
	if old.Deprecation != "use new" || old.Default.Text() != "${{ github.token }}" || old.Required {
		t.Errorf("old: %+v", old)
	}
	if bare, known := m.Input("bare"); !known || !bare.Default.IsZero() {
		t.Errorf("bare: %+v", bare)
	}
	if len(m.Outputs) != 1 || m.Outputs[0].Name != "time" || len(m.Warnings) != 0 {
		t.Errorf("outputs %+v, warnings %v", m.Outputs, m.Warnings)
	}
}

func TestACompositeActionIsParsed(t *testing.T) {
	m := mustParse(t, `
outputs:
  sum: {value: "${{ steps.add.outputs.sum }}"}
runs:
  using: composite
  steps:
    - {id: add, run: x, shell: bash}
    - uses: a/b@v1
      with: {k: "${{ inputs.k }}"}
`)
	if m.Runs.Using != Composite || len(m.Runs.Steps) != 2 || m.Outputs[0].Value.Text() != "${{ steps.add.outputs.sum }}" {
		t.Errorf("got %+v", m)
	}
	if got := m.Runs.Steps[1].With.Get("k").Errorf("x").Error(); got != "action.yml:9: step 2: with.k: x" {
		t.Errorf("place: %s", got)
	}
}

func TestADockerActionIsParsed(t *testing.T) {
	m := mustParse(t, `
runs:
  using: docker
  image: docker://alpine:3
  entrypoint: /e.sh
  pre-entrypoint: /pre.sh
  post-entrypoint: /post.sh
  post-if: always()
  args: [a, "${{ inputs.b }}"]
  env: {K: 1}
`)
	r := m.Runs
	if r.Using != DockerImage || r.Image != "docker://alpine:3" || r.Entrypoint != "/e.sh" || r.PreEntrypoint != "/pre.sh" || r.PostEntrypoint != "/post.sh" {
		t.Errorf("got %+v", r)
	}
	if len(r.Args.Items()) != 2 || r.Env.Get("K").Text() != "1" || r.PostIf.Text() != "always()" {
		t.Errorf("got %+v", r)
	}
	if got := mustParse(t, "runs: {using: docker, image: sub/Dockerfile}").Runs.Image; got != "sub/Dockerfile" {
		t.Errorf("image: %s", got)
	}
}

func TestAManifestIsRefusedWithTheReason(t *testing.T) {
	const all = "node12, node16, node20, node24, composite and docker"
	for name, tc := range map[string]struct{ source, want string }{
		"empty":               {"", "action.yml: is empty, not an action manifest"},
		"a text":              {"x", "action.yml:1: not an action manifest: it is a text, not a mapping"},
		"no runs":             {"name: x", `action.yml:1: not an action manifest: it has no "runs"`},
		"runs misspelt":       {"run: {using: node20}", `action.yml:1: not an action manifest: it has no "runs"; is "run" meant to be it?`},
		"runs is a list":      {"runs: []", "action.yml:1: runs: must be a mapping, not a list"},
		"no using":            {"runs: {main: x.js}", `action.yml:1: runs: has no "using": it says what the action runs on, one of ` + all},
		"using misspelt":      {"runs: {usng: node20}", `action.yml:1: runs: has no "using": it says what the action runs on, one of ` + all + `; is "usng" meant to be it?`},
		"unknown using":       {"runs: {using: node8}", `action.yml:1: runs.using: "node8" is nothing that actions of this runner run on, it knows ` + all},
		"plugin":              {"runs: {using: plugin, plugin: x}", `action.yml:1: runs.using: "plugin" is nothing that actions of this runner run on, it knows ` + all},
		"using is a mapping":  {"runs: {using: {}}", "action.yml:1: runs.using: must be a text, not a mapping"},
		"no main":             {"runs: {using: node20}", `action.yml:1: runs: has no "main": the JavaScript file that node20 runs`},
		"absolute main":       {"runs: {using: node20, main: /x.js}", `action.yml:1: runs.main: "/x.js" is an absolute path, it must be relative to the action's directory`},
		"main of Windows":     {`runs: {using: node20, main: 'C:\x.js'}`, `action.yml:1: runs.main: "C:\\x.js" is not the path of a file of the action`},
		"main with a newline": {`runs: {using: node20, main: "a\nb"}`, `action.yml:1: runs.main: "a\nb" is not the path of a file of the action`},
		"no steps":            {"runs: {using: composite}", `action.yml:1: runs: has no "steps": a composite action needs one at least`},
		"steps misspelt":      {"runs: {using: composite, step: []}", `action.yml:1: runs: has no "steps": a composite action needs one at least; is "step" meant to be it?`},
		"no shell":            {"runs: {using: composite, steps: [{run: x}]}", `action.yml:1: step 1: "run" has no "shell": in a composite action it needs one, such as "shell: bash"`},
		"bad nested uses":     {"runs:\n using: composite\n steps:\n - {uses: a/b}", `action.yml:4: step 1: uses: "a/b": has no @ref: say which branch, tag or commit to use, as in a/b@v1`},
		"no image":            {"runs: {using: docker}", `action.yml:1: runs: has no "image": the path of a Dockerfile, or docker://image`},
		"empty image":         {"runs: {using: docker, image: 'docker://'}", `action.yml:1: runs.image: "docker://" names no image`},
		"args is a text":      {"runs: {using: docker, image: Dockerfile, args: x}", "action.yml:1: runs.args: must be a list, not a text"},
		"args has a list":     {"runs: {using: docker, image: Dockerfile, args: [[]]}", "action.yml:1: runs.args[0]: must be a text, not a list"},
		"env has a mapping":   {"runs: {using: docker, image: Dockerfile, env: {A: {}}}", "action.yml:1: runs.env.A: must be a text, not a mapping"},
		"inputs twice":        {"inputs: {a: , A: }\nruns: {using: node20, main: x}", "action.yml:1: inputs.A: is declared twice: names of inputs that differ in case only are the same"},
		"default is a list":   {"inputs: {a: {default: []}}\nruns: {using: node20, main: x}", "action.yml:1: inputs.a.default: must be a text, not a list"},
		"two faults":          {"inputs: []\nruns: {using: node20}", "action.yml:1: inputs: must be a mapping, not a list\naction.yml:2: runs: has no \"main\": the JavaScript file that node20 runs"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse("action.yml", []byte(tc.source))
			if err == nil || err.Error() != tc.want {
				t.Fatalf("got %+v, %v\nwant %s", m, err, tc.want)
			}
			if fault := (*model.Error)(nil); !errors.As(err, &fault) || fault.File != "action.yml" {
				t.Errorf("the error has no place: %#v", err)
			}
		})
	}
}

func TestWhatIsOddInAManifestIsWarnedOf(t *testing.T) {
	m := mustParse(t, `
whatever: 1
inputs: {a: {default: "${{ x( }}", my-own: 1}}
runs:
  using: node20
  main: x.js
  psot: y.js
  post-if: "success("
`)
	var got []string
	for _, w := range m.Warnings {
		got = append(got, w.Error())
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{"action.yml:3: inputs.a.default: ", `action.yml:7: runs: unknown key "psot", did you mean "post"?`, "action.yml:8: runs.post-if: "} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nis missing in\n%s", want, text)
		}
	}
	if len(got) != 3 {
		t.Errorf("got %s", text)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"runs: {using: node20, main: x.js, pre: ../a, post-if: always()}\ninputs: {a: {default: '${{ 1 }}', required: true}}",
		"runs: {using: composite, steps: [{run: x, shell: sh}, {uses: ./x}]}\noutputs: {a: {value: x}}",
		"runs: {using: docker, image: Dockerfile, args: [a], env: {A: b}}", "", "- a", "runs: &a {using: *a}", "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		m, err := Parse("action.yml", source)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		r := m.Runs
		switch {
		case r.Using.IsNode() && r.Main != "" && !strings.HasPrefix(r.Main, "/"):
		case r.Using == Composite && len(r.Steps) > 0:
			for _, step := range r.Steps {
				if (step.Run.Text() == "") == (step.Uses.Text() == "") || step.Run.Text() != "" && step.Shell.IsZero() {
					t.Fatalf("step %+v", step)
				}
			}
		case r.Using == DockerImage && r.Image != "":
		default:
			t.Fatalf("incomplete: %+v", r)
		}
	})
}
