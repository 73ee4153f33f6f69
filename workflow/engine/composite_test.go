package engine

import (
	"fmt"
	"strings"
	"testing"
)

// parts gives the rows that begin with one of the words, in order.
func (b *bench) parts(words ...string) string {
	var found []string
	for _, row := range b.trace.rows {
		for _, word := range words {
			if row == word || strings.HasPrefix(row, word+" ") {
				found = append(found, row)
			}
		}
	}
	return strings.Join(found, ", ")
}

// parted are node actions that say which part of them runs, and with what
// state; one of them without a pre part.
const parted = `
	-- octo/all@v1/action.yml --
	inputs: {n: {default: "?"}}
	runs: {using: node20, pre: pre.js, main: main.js, post: post.js}
	-- octo/all@v1/pre.js --
	out pre $INPUT_N $STATE_from
	file GITHUB_STATE "from=pre\n"
	-- octo/all@v1/main.js --
	out main $INPUT_N $STATE_from
	out ::save-state name=from::main
	-- octo/all@v1/post.js --
	out post $INPUT_N $STATE_from
	-- octo/post@v1/action.yml --
	inputs: {n: {default: "?"}, code: {default: "0"}}
	runs: {using: node20, main: main.js, post: post.js, post-if: "${{ success() }}"}
	-- octo/post@v1/main.js --
	out main $INPUT_N
	-- octo/post@v1/post.js --
	out post $INPUT_N
	-- octo/fail@v1/action.yml --
	runs: {using: node20, main: main.js, post: post.js, post-if: failure()}
	-- octo/fail@v1/main.js --
	exit 1
	-- octo/fail@v1/post.js --
	out post of failed
	-- octo/wrap@v1/action.yml --
	inputs: {n: {}}
	runs:
	  using: composite
	  steps:
	  - {uses: octo/all@v1, with: {n: "${{ inputs.n }}a"}}
	  - {if: "inputs.n != 'skip'", uses: octo/post@v1, with: {n: "${{ inputs.n }}b"}}
	  - {run: "out main ${{ inputs.n }}c", shell: bash}
	-- octo/twice@v1/action.yml --
	inputs: {n: {}}
	runs:
	  using: composite
	  steps:
	  - {uses: octo/wrap@v1, with: {n: "${{ inputs.n }}1"}}
	  - {uses: octo/wrap@v1, with: {n: "${{ inputs.n }}2"}}
`

func TestOrderOfTheParts(t *testing.T) {
	tests := []struct{ claim, list, want, results string }{
		{"pre parts, main parts, post parts from the last to begin, be it with its pre part", `
			- {uses: octo/all@v1, with: {n: A}}
			- {run: out main B}
			- {uses: octo/post@v1, with: {n: C}}
			- {uses: octo/all@v1, with: {n: D}}
		`, "pre A (unset), pre D (unset), main A pre, main B, main C, main D pre, post C, post D main, post A main", "success success success success"},
		{"a skipped main has no post part unless its pre part has run", `
			- {if: false, uses: octo/all@v1, with: {n: A}}
			- {if: false, uses: octo/post@v1, with: {n: B}}
		`, "pre A (unset), post A pre", "skipped skipped"},
		{"a post part follows a main that failed, by its own condition", `
			- {uses: octo/all@v1, with: {n: A}}
			- {uses: octo/post@v1, with: {n: B}}
			- {uses: octo/fail@v1}
		`, "pre A (unset), main A pre, main B, post of failed, post A main", "success success failure"},
		{"those of a composite action's steps are one part of the step that uses it", `
			- {uses: octo/wrap@v1, with: {n: A}}
			- {uses: octo/all@v1, with: {n: B}}
		`, "pre Aa (unset), pre B (unset), main Aa pre, main Ab, main Ac, main B pre, post B main, post Ab, post Aa main", "success success"},
		{"of its steps only those that have begun have a post part", `
			- {uses: octo/wrap@v1, with: {n: skip}}
		`, "pre skipa (unset), main skipa pre, main skipc, post skipa main", "success"},
		{"in composite actions that use each other", `
			- {uses: octo/twice@v1, with: {n: A}}
		`, "pre A1a (unset), pre A2a (unset), main A1a pre, main A1b, main A1c, main A2a pre, main A2b, main A2c, post A2b, post A2a main, post A1b, post A1a main", "success"},
		{"a composite action that is skipped has pre parts, and so post parts", `
			- {if: false, uses: octo/twice@v1, with: {n: A}}
		`, "pre A1a (unset), pre A2a (unset), post A2a pre, post A1a pre", "skipped"},
		{"success() in a post part is of the job", `
			- {uses: octo/wrap@v1, with: {n: A}}
			- {run: exit 1}
		`, "pre Aa (unset), main Aa pre, main Ab, main Ac, post Aa main", "success failure"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, test.list, parted).run()
			if got := b.parts("pre", "main", "post"); got != test.want {
				t.Errorf("order:\n%s\nwant:\n%s\nlog:\n%s", got, test.want, b.text())
			}
			b.wantResults(test.results)
		})
	}
}

func TestPostPartsSeeTheScopeOfTheirStep(t *testing.T) {
	b := withActions(t, `
		- {id: x, run: "file GITHUB_OUTPUT \"o=of the job\\n\""}
		- {uses: octo/outer@v1, with: {word: "${{ steps.x.outputs.o }}"}, env: {E: step}}
		- {id: y, run: "file GITHUB_ENV \"LATE=late\\n\""}
	`, parted+`
		-- octo/outer@v1/action.yml --
		inputs: {word: {}}
		runs:
		  using: composite
		  steps:
		  - {uses: octo/all@v1, with: {n: "[${{ steps.x.outputs.o }}] ${{ inputs.word }} ${{ env.E }} ${{ env.LATE }} ${{ steps.y.outcome }}"}}
		  - {id: x, shell: bash, run: "file GITHUB_OUTPUT \"o=inner\\n\""}
		  - {uses: octo/post@v1, with: {n: "[${{ steps.x.outputs.o }}] ${{ github.action_ref }}"}}
	`).run()
	b.wantResult(success)
	want := "pre []  step   (unset), main [] of the job step   pre, main [inner] v1, post [inner] v1, post [inner] of the job step late  main"
	if got := b.parts("pre", "main", "post"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHooksAreAroundTheParts(t *testing.T) {
	b := withActions(t, "- {uses: octo/all@v1, with: {n: A}}", parted)
	b.executor.baseEnv = append(b.executor.baseEnv, "ACTIONS_RUNNER_HOOK_JOB_STARTED=/hooks/start", "ACTIONS_RUNNER_HOOK_JOB_COMPLETED=/hooks/never")
	b.spec.Hooks.JobCompleted = "/hooks/done"
	b.executor.files["/hooks/start"] = []byte("out hook started")
	b.executor.files["/hooks/done"] = []byte("out hook completed")
	b.run()
	if got := b.parts("pre", "main", "post", "hook"); got != "hook started, pre A (unset), main A pre, post A main, hook completed" {
		t.Errorf("order: %s", got)
	}
}

func TestRowsOfPartsTellWhoseTheyAre(t *testing.T) {
	b := withActions(t, "- {name: Wrapped, uses: octo/wrap@v1, with: {n: A}}", parted).run()
	b.wantRow("##[group]Pre Wrapped: Run octo/wrap@v1")
	b.wantRow("Post Wrapped: clean up after the job")
	s := b.trace.end.GetSteps()[0]
	for i, row := range b.trace.rows {
		within := int64(i) >= s.GetLogIndex() && int64(i) < s.GetLogIndex()+s.GetLogLength()
		if isMain := strings.HasPrefix(row, "main "); within != isMain && (isMain || strings.HasPrefix(row, "pre ") || strings.HasPrefix(row, "post ")) {
			t.Errorf("row %d is on the wrong side: %s", i, row)
		}
	}
}

func TestScopesOfCompositeActions(t *testing.T) {
	b := withActions(t, `
		- id: same
		  run: file GITHUB_OUTPUT "o=outer\n"
		- id: used
		  uses: octo/outer@v2
		  with: {word: hi}
		- run: |
		    out ${{ steps.used.outputs.word }} ${{ toJSON(steps.used.outputs.hidden) }} ${{ steps.same.outputs.o }} [${{ steps.in.outcome }}]
		    out ${{ toJSON(inputs) }} [${{ github.action_path }}] [${{ github.action_repository }}]
	`, `
		-- octo/outer@v2/action.yml --
		inputs: {word: {}, more: {default: dflt}}
		outputs:
		  word: {value: "${{ steps.same.outputs.o }} ${{ steps.in.outputs.deep }} ${{ inputs.more }} ${{ steps.in.outcome }}"}
		runs:
		  using: composite
		  steps:
		  - id: same
		    shell: bash
		    run: |
		      file GITHUB_OUTPUT "o=inner\nhidden=1\n"
		      out outer [${{ steps.same.outputs.o }}] ${{ inputs.word }} ${{ inputs.WORD }} ${{ github.action }} ${{ github.action_ref }} $GITHUB_ACTION_REPOSITORY $GITHUB_ACTION_REF $GITHUB_ACTION
		      out ${{ github.action_path == env.GITHUB_ACTION_PATH }} ${{ endsWith(github.action_path, 'octo/outer@v2') }}
		  - id: in
		    uses: octo/inner/sub@v3
		    with: {word: "${{ inputs.word }} ${{ steps.same.outputs.o }}"}
		  - if: steps.in.conclusion == 'success' && steps.nobody.outcome == null
		    shell: bash
		    run: out after ${{ vars.MYVAR }} $GITHUB_ACTION_PATH
		-- octo/inner@v3/sub/action.yml --
		inputs: {word: {}, other: {default: "${{ github.action_repository }}"}}
		outputs: {deep: {value: "${{ steps.same.outputs.o }}"}}
		runs:
		  using: composite
		  steps:
		  - id: same
		    shell: bash
		    run: |
		      file GITHUB_OUTPUT "o=deep\n"
		      out inner ${{ inputs.word }} ${{ inputs.other }} ${{ endsWith(github.action_path, 'octo/inner@v3/sub') }} $GITHUB_ACTION_REPOSITORY
	`).run()
	b.wantResult(success)
	rows := b.parts("outer", "inner", "after", "false", "true")
	for _, want := range []string{
		"outer [] hi hi used v2 octo/outer v2 used", "false true", "inner hi inner octo/inner true octo/inner",
		"after v1 " + b.source.root + "/octo/outer@v2",
	} {
		if !strings.Contains(rows, want) {
			t.Errorf("%q is not in %s", want, rows)
		}
	}
	b.wantRows(2, "inner deep dflt success null outer []", "{} [] []")
}

func TestContextsThatCompositeActionsDoNotHave(t *testing.T) {
	for _, expr := range []string{"secrets.MYSECRET", "needs.x", "success()"} {
		b := withActions(t, "- uses: octo/a@v1", `
			-- octo/a@v1/action.yml --
			runs: {using: composite, steps: [{shell: bash, run: "out ${{ `+expr+` }}"}]}
		`).run()
		b.wantResults("failure")
		name, _, _ := strings.Cut(strings.TrimSuffix(expr, "()"), ".")
		b.wantRow("##[error]octo/a@v1: action.yml:1: step 1: run: ", name)
	}
	b := withActions(t, "- {id: a, uses: octo/a@v1}", `
		-- octo/a@v1/action.yml --
		outputs: {bad: {value: "${{ secrets.X }}"}, good: {value: "${{ env.E }}"}}
		runs: {using: composite, steps: [{shell: bash, run: out x}]}
	`).run()
	b.wantResults("failure")
	b.wantRow("##[error]octo/a@v1: action.yml:1: outputs.bad.value: ", "secrets")
}

func TestStatusWithinCompositeActions(t *testing.T) {
	tests := []struct{ claim, steps, want, results string }{
		{"starts as success after a failed step before", `
			  - {shell: bash, run: "out ran ${{ github.action_status }} ${{ job.status }}"}
		`, "ran success failure", "failure success"},
		{"is what success() and failure() tell", `
			  - {shell: bash, run: exit 1}
			  - {shell: bash, run: out never}
			  - {if: failure(), shell: bash, run: "out ran ${{ github.action_status }}"}
			  - {if: success(), shell: bash, run: out never}
			  - {if: cancelled(), shell: bash, run: out never}
			  - {if: always(), shell: bash, run: out ran always}
		`, "ran failure, ran always", "failure failure"},
		{"continue-on-error keeps it", `
			  - {id: a, continue-on-error: true, shell: bash, run: exit 1}
			  - {shell: bash, run: "out ran ${{ github.action_status }} ${{ steps.a.outcome }} ${{ steps.a.conclusion }}"}
		`, "ran success failure success", "failure success"},
		{"a condition that cannot be evaluated ends the action", `
			  - {if: "fromJSON('x y')", shell: bash, run: out never}
			  - {if: always(), shell: bash, run: out never}
		`, "", "failure failure"},
		{"an env that cannot be evaluated fails its step", `
			  - {env: {A: "${{ fromJSON('x y') }}"}, shell: bash, run: out never}
			  - {if: always(), shell: bash, run: out ran}
		`, "ran", "failure failure"},
		{"a false condition skips", `
			  - {id: a, if: "inputs.x", shell: bash, run: out never}
			  - {shell: bash, run: "out ran ${{ steps.a.outcome }}"}
		`, "ran skipped", "failure success"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, `
				- run: exit 1
				- {if: always(), uses: octo/a@v1}
			`, "-- octo/a@v1/action.yml --\ninputs: {x: {}}\nruns:\n  using: composite\n  steps:\n"+dedent(test.steps)).run()
			if got := b.parts("ran", "never"); got != test.want {
				t.Errorf("%q ran, want %q; log:\n%s", got, test.want, b.text())
			}
			b.wantResults(test.results)
		})
	}
}

func TestContinueOnErrorOfAStepHoldsForItsAction(t *testing.T) {
	b := withActions(t, `
		- {id: a, continue-on-error: true, uses: octo/a@v1}
		- run: out ${{ steps.a.outcome }} ${{ steps.a.conclusion }}
	`, "-- octo/a@v1/action.yml --\nruns: {using: composite, steps: [{shell: bash, run: exit 1}]}\n").run()
	b.wantResults("success success")
	b.wantRows(1, "failure success")
}

func TestEnvWithinCompositeActions(t *testing.T) {
	b := withActions(t, `
		- uses: octo/outer@v1
		  env: {STEP: step, BOTH: step}
		- run: out last $STEP $BOTH $INNER $SET $DEEP
	`, `
		-- octo/outer@v1/action.yml --
		outputs: {e: {value: "${{ env.STEP }}"}}
		runs:
		  using: composite
		  steps:
		  - env: {INNER: inner, BOTH: inner}
		    shell: bash
		    run: |
		      out first $STEP $BOTH $INNER $SET $WHOLE ${{ env.BOTH }}
		      file GITHUB_ENV "SET=set\nBOTH=set\nWHOLE=set\n"
		  - shell: bash
		    run: out second $STEP $BOTH $INNER $SET $WHOLE ${{ env.SET }}
		  - uses: octo/inner@v1
		    env: {DEEP: "${{ env.STEP }}-deep"}
		-- octo/inner@v1/action.yml --
		runs:
		  using: composite
		  steps:
		  - {shell: bash, run: out third $STEP $BOTH $INNER $SET $DEEP $INPUT_X}
	`)
	b.task.WorkflowPayload = []byte(strings.Replace(string(b.task.WorkflowPayload), "on: push", "on: push\nenv: {WHOLE: job}", 1))
	b.run()
	b.wantResult(success)
	want := "first step inner inner (unset) job inner, second step step (unset) set set set, third step step (unset) set step-deep (unset), last (unset) set (unset) set (unset)"
	if got := b.parts("first", "second", "third", "last"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDefaultsDoNotReachIntoCompositeActions(t *testing.T) {
	b := newBench(t, `
		on: push
		defaults: {run: {shell: sh, working-directory: top}}
		jobs:
		  a:
		    runs-on: x
		    steps:
		    - uses: octo/a@v1
	`).lay(`
		-- octo/a@v1/action.yml --
		runs:
		  using: composite
		  steps:
		  - {shell: bash, run: out x}
		  - {shell: "${{ 'sh' }}", run: out x, working-directory: "${{ github.action_path }}"}
		  - {shell: "${{ inputs.none }}", run: out x}
	`).run()
	b.wantResults("failure")
	b.wantRow("##[error]octo/a@v1: shell", "must name its shell")
	if cmd := b.executor.commands[0]; cmd.Dir != "" || cmd.Path != "/usr/bin/bash" {
		t.Errorf("it runs %s in %q", cmd.Path, cmd.Dir)
	}
	if cmd := b.executor.commands[1]; !strings.HasSuffix(cmd.Dir, "octo/a@v1") || cmd.Path != "/usr/bin/sh" {
		t.Errorf("it runs %s in %q", cmd.Path, cmd.Dir)
	}
}

func TestSummariesOfCompositeActionsAreTheStep(t *testing.T) {
	b := withActions(t, "- run: out x\n- uses: octo/outer@v1", `
		-- octo/outer@v1/action.yml --
		runs: {using: composite, steps: [{shell: bash, run: 'file GITHUB_STEP_SUMMARY "one\n"'}, {uses: octo/inner@v1}]}
		-- octo/inner@v1/action.yml --
		runs: {using: composite, steps: [{shell: bash, run: 'file GITHUB_STEP_SUMMARY "two\n"'}]}
	`).run()
	if got := b.trace.summaries; len(got) != 1 || got[1] != "one\ntwo\n" {
		t.Errorf("summaries %v", got)
	}
}

// nested makes composite actions octo/c1 … octo/cN that use each other.
func nested(n int) string {
	var files strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&files, "-- octo/c%d@v1/action.yml --\nruns: {using: composite, steps: [{uses: octo/c%d@v1}]}\n", i, i+1)
	}
	fmt.Fprintf(&files, "-- octo/c%d@v1/action.yml --\nruns: {using: composite, steps: [{shell: bash, run: out deepest}]}\n", n)
	return files.String()
}

func TestDepthOfCompositeActions(t *testing.T) {
	b := withActions(t, "- uses: octo/c1@v1", nested(9)).run()
	b.wantResult(success)
	b.wantRow("deepest")
	if n := len(b.source.asked); n != 9 {
		t.Errorf("%d rounds of fetching", n)
	}

	b = withActions(t, "- uses: octo/c1@v1", nested(10)).run()
	b.wantResult(failure)
	b.wantResults("skipped")
	b.wantRow("##[error]", "more than 9 deep", "octo/c1@v1 → octo/c2@v1", "→ octo/c10@v1")

	b = withActions(t, "- uses: octo/self@v1", "-- octo/self@v1/action.yml --\nruns: {using: composite, steps: ["+strings.Repeat("{uses: octo/self@v1}, ", 9)+"]}\n").run()
	b.wantResult(failure)
	b.wantRow("##[error]", "more than 5000 steps")
}
