package model

import (
	"strings"
	"testing"
)

func document(t *testing.T, source string) Value {
	t.Helper()
	v, err := Document("action.yml", "an action manifest", []byte(source))
	if err != nil {
		t.Fatalf("Document: %v", err)
	}
	return v
}

func TestDocumentsHaveBoundsAndNamesOfTheirOwn(t *testing.T) {
	for name, tc := range map[string]struct{ source, want string }{
		"empty":            {"", "action.yml: is empty, not an action manifest"},
		"two documents":    {"a: 1\n---\nb: 2", "action.yml:2: a second YAML document starts here, an action manifest is one document"},
		"too long":         {strings.Repeat(" ", 1<<20+1), "action.yml: 1048577 bytes are too many for an action manifest, at most 1048576 are taken"},
		"not YAML":         {"a: [", "action.yml"},
		"key stands twice": {"a: 1\na: 2", `action.yml:2: key "a" stands here again, it is already in line 1`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Document("action.yml", "an action manifest", []byte(tc.source))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestCompositeStepsAreStepsWithPlaces(t *testing.T) {
	v := document(t, `runs:
  steps:
    - run: echo ${{ inputs.who }}
      shell: bash
      env: {A: "1"}
    - id: next
      uses: a/b@v1
      with: {x: "${{ 1 +"}
    -
`)
	steps, warnings, err := CompositeSteps(v.Get("runs").Get("steps"))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 2 || steps[0].Shell.Text() != "bash" || steps[1].Uses.Text() != "a/b@v1" || steps[1].ID != "next" || steps[1].Index != 1 || steps[1].Line != 6 {
		t.Errorf("steps: %+v", steps)
	}
	if got := steps[0].Env.Get("A").Errorf("x").Error(); got != "action.yml:5: step 1: env.A: x" {
		t.Errorf("place: %s", got)
	}
	if len(warnings) != 2 || !strings.HasPrefix(warnings[0].Error(), "action.yml:8: step 2: with.x: ") {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestCompositeStepsRefuse(t *testing.T) {
	for name, tc := range map[string]struct{ source, want string }{
		"run without shell": {"- run: x", `action.yml:1: step 1: "run" has no "shell": in a composite action it needs one, such as "shell: bash"`},
		"shell misspelt":    {"- {run: x, shel: sh}", `action.yml:1: step 1: "run" has no "shell": in a composite action it needs one, such as "shell: bash"; is "shel" meant to be it?`},
		"both":              {"- {run: x, shell: sh, uses: a/b@c}", `action.yml:1: step 1: has both "run" and "uses", a step has one of them`},
		"neither":           {"- {name: x}", `action.yml:1: step 1: has neither "run" nor "uses": there is nothing to run`},
		"no list":           {"a: 1", `action.yml:1: must be a list, not a mapping`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := CompositeSteps(document(t, tc.source))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
		})
	}
	if steps, _, err := CompositeSteps(Value{}); err != nil || len(steps) != 0 {
		t.Errorf("absent: %v, %v", steps, err)
	}
}

func TestATimeoutOfACompositeStepIsWarnedOf(t *testing.T) {
	steps, warnings, err := CompositeSteps(document(t, "- {run: x, shell: sh, timeout-minutes: 3}"))
	if err != nil || !steps[0].TimeoutMinutes.IsZero() {
		t.Fatalf("got %v, %v", steps, err)
	}
	if len(warnings) != 1 || warnings[0].Error() != `action.yml:1: step 1: unknown key "timeout-minutes"` {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestValuesOfADocumentAreChecked(t *testing.T) {
	v := document(t, `{if: "success( ", text: "${{ 1 + }}", good: "${{ 1 }}", list: [1]}`)
	if got := v.UnknownKeys("if", "texts", "good", "list"); len(got) != 1 || got[0].Error() != `action.yml:1: unknown key "text", did you mean "texts"?` {
		t.Errorf("unknown keys: %v", got)
	}
	if got := v.Get("text").CheckExpressions(); len(got) != 1 {
		t.Errorf("text: %v", got)
	}
	if got := v.Get("good").CheckExpressions(); len(got) != 0 {
		t.Errorf("good: %v", got)
	}
	if got := v.Get("if").CheckCondition(); len(got) != 1 {
		t.Errorf("if: %v", got)
	}
	if got := v.Get("list").CheckCondition(); len(got) != 1 || !strings.HasSuffix(got[0].Error(), "must be a text, not a list") {
		t.Errorf("list: %v", got)
	}
	if got := v.Get("list").Kind(); got != "a list" {
		t.Errorf("kind: %s", got)
	}
}
