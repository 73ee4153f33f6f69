//go:build unix

package semantics

import (
	"fmt"
	"strings"
	"testing"
)

// parted are actions that say which part of them runs; their code is a script.
const parted = `
	-- octo/all@v1/action.yml --
	inputs: {n: {default: "?"}}
	runs: {using: node20, pre: pre.js, main: main.js, post: post.js}
	-- octo/all@v1/pre.js --
	echo "pre $INPUT_N"
	echo from=pre >> $GITHUB_STATE
	-- octo/all@v1/main.js --
	echo "main $INPUT_N $STATE_from"
	echo ::save-state name=from::main
	-- octo/all@v1/post.js --
	echo "post $INPUT_N $STATE_from"
	-- octo/ok@v1/action.yml --
	inputs: {n: {default: "?"}}
	runs: {using: node20, main: main.js, post: post.js, post-if: success()}
	-- octo/ok@v1/main.js --
	echo main $INPUT_N
	-- octo/ok@v1/post.js --
	echo post $INPUT_N
	-- octo/fail@v1/action.yml --
	runs: {using: node20, main: main.js, post: post.js, post-if: failure()}
	-- octo/fail@v1/main.js --
	exit 1
	-- octo/fail@v1/post.js --
	echo post of the failed
	-- octo/badpost@v1/action.yml --
	runs: {using: node20, main: main.js, post: post.js}
	-- octo/badpost@v1/main.js --
	echo main
	-- octo/badpost@v1/post.js --
	exit 4
	-- octo/slowpost@v1/action.yml --
	runs: {using: node20, main: main.js, post: post.js}
	-- octo/slowpost@v1/main.js --
	sleep 0.2
	-- octo/slowpost@v1/post.js --
	sleep 30
	-- octo/wrap@v1/action.yml --
	inputs: {n: {}}
	runs:
	  using: composite
	  steps:
	  - {uses: octo/all@v1, with: {n: "${{ inputs.n }}a"}}
	  - {uses: octo/all@v1, with: {n: "${{ inputs.n }}b"}}
	-- ./local/action.yml --
	inputs: {n: {default: "?"}}
	runs: {using: node20, pre: pre.js, main: main.js, post: post.js}
	-- ./local/pre.js --
	echo pre of a local action
	-- ./local/main.js --
	echo main $INPUT_N
	-- ./local/post.js --
	echo post $INPUT_N
	-- ./wrap/action.yml --
	inputs: {n: {}}
	runs:
	  using: composite
	  steps:
	  - {uses: ./local, with: {n: "${{ inputs.n }}a"}}
	  - {if: "inputs.n != 'skip'", uses: octo/ok@v1, with: {n: "${{ inputs.n }}b"}}
	  - {shell: bash, run: "echo main ${{ inputs.n }}c"}
	-- ./twice/action.yml --
	inputs: {n: {}}
	runs:
	  using: composite
	  steps:
	  - {uses: ./wrap, with: {n: "${{ inputs.n }}1"}}
	  - {uses: ./wrap, with: {n: "${{ inputs.n }}2"}}
`

// chain makes local composite actions ./c1 … ./cN that use each other.
func chain(n int) string {
	var files strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&files, "-- ./c%d/action.yml --\nruns: {using: composite, steps: [{uses: ./c%d}]}\n", i, i+1)
	}
	fmt.Fprintf(&files, "-- ./c%d/action.yml --\nruns: {using: composite, steps: [{shell: bash, run: echo deepest}]}\n", n)
	return files.String()
}

func TestOrder(t *testing.T) {
	check(t, []row{
		{
			rule: "4.2: all pre parts, all main parts, then post parts from the last to begin, be it with its pre part",
			steps: `
				- {uses: octo/all@v1, with: {n: A}}
				- run: echo main B
				- {uses: octo/ok@v1, with: {n: C}}
				- {uses: octo/all@v1, with: {n: D}}
			`,
			files: parted, want: "success success success success",
			rows: []string{"pre A", "pre D", "main A pre", "main B", "main C", "main D pre", "post C", "post D main", "post A main"},
		},
		{
			rule: "4.2: a skipped action has no post part unless its pre part has begun",
			steps: `
				- {if: false, uses: octo/ok@v1, with: {n: A}}
				- {if: false, uses: octo/all@v1, with: {n: B}}
			`,
			files: parted, want: "skipped skipped", rows: []string{"pre B", "post B pre"}, not: []string{"main B", "post A"},
		},
		{
			rule: "4.2: post-if decides about a post part, its default is always()",
			steps: `
				- {uses: octo/all@v1, with: {n: A}}
				- {uses: octo/ok@v1, with: {n: B}}
				- uses: octo/fail@v1
			`,
			files: parted, result: "failure", want: "success success failure",
			rows: []string{"main A pre", "main B", "post of the failed", "post A main"}, not: []string{"post B"},
		},
		{
			rule: "4.2: the pre part of a local action is not run but warned of, its post part is",
			steps: `
				- {uses: ./local, with: {n: A}}
				- run: echo main B
			`,
			files: parted, want: "success success", rows: []string{"main A", "main B", "post A"},
			has: []string{"##[warning]The pre part of the action ./local is not run"}, not: []string{"pre of a local action"},
		},
		{
			rule: "4.2: post parts of a composite action's steps are one post part, the last to begin first",
			steps: `
				- {uses: ./wrap, with: {n: A}}
				- {uses: octo/all@v1, with: {n: B}}
			`,
			files: parted, want: "success success",
			rows: []string{"pre B", "main Aa", "main Ab", "main Ac", "main B pre", "post Ab", "post Aa", "post B main"},
		},
		{
			rule: "4.2: pre parts of a composite action's steps are one pre part, each step has its own state",
			steps: `
				- run: echo main A
				- {uses: octo/wrap@v1, with: {n: B}}
				- {uses: octo/all@v1, with: {n: C}}
			`,
			files: parted, want: "success success success",
			rows: []string{"pre Ba", "pre Bb", "pre C", "main A", "main Ba pre", "main Bb pre", "main C pre", "post C main", "post Bb main", "post Ba main"},
		},
		{
			rule:  "4.2: of a composite action's steps only those that have begun have a post part",
			steps: `- {uses: ./wrap, with: {n: skip}}`,
			files: parted, want: "success", rows: []string{"main skipa", "main skipc", "post skipa"}, not: []string{"skipb"},
		},
		{
			rule:  "4.2: composite actions use each other, post parts go back through all of them",
			steps: `- {uses: ./twice, with: {n: A}}`,
			files: parted, want: "success",
			rows: []string{"main A1a", "main A1b", "main A1c", "main A2a", "main A2b", "main A2c", "post A2b", "post A2a", "post A1b", "post A1a"},
		},
		{
			rule: "4.2: success() in the post part of a composite action is of the job",
			steps: `
				- {uses: ./wrap, with: {n: A}}
				- run: exit 1
			`,
			files: parted, result: "failure", want: "success failure", rows: []string{"main Ac", "post Aa"}, not: []string{"post Ab"},
		},
		{
			rule:  "4.2: nine composite actions may use each other",
			steps: `- uses: ./c1`,
			files: chain(9), want: "success", rows: []string{"deepest"},
		},
		{
			rule: "4.2: ten composite actions may not",
			steps: `
				- uses: ./c1
				- {if: failure(), run: echo next}
			`,
			files: chain(10), result: "failure", want: "failure success", rows: []string{"next"},
			has: []string{"more than 9 deep"}, not: []string{"deepest"},
		},
		{
			rule: "4.2: an action that fails in its post part fails the job",
			steps: `
				- uses: octo/badpost@v1
			`,
			files: parted, result: "failure", want: "success", has: []string{"##[error]Process completed with exit code 4."},
		},
		{
			rule:  "4.3: continue-on-error of a step holds for its post part too",
			steps: `- {continue-on-error: true, uses: octo/badpost@v1}`,
			files: parted, want: "success", has: []string{"##[error]Process completed with exit code 4."},
		},
		{
			rule:  "4.3: timeout-minutes of a step holds for its post part too, with a clock of its own",
			steps: `- {timeout-minutes: 0.006, continue-on-error: true, uses: octo/slowpost@v1}`,
			files: parted, want: "success", has: []string{"has timed out after 0.006 minutes"},
		},
		{
			rule: "4.2: the hooks of the machine are before and after everything",
			steps: `
				- {uses: octo/all@v1, with: {n: "$FROM_HOOK"}}
			`,
			files: parted + `
				-- hooks/start.sh --
				echo hook started
				echo FROM_HOOK=hook >> $GITHUB_ENV
				-- hooks/done.sh --
				echo hook completed $FROM_HOOK
			`,
			change: func(_ *testing.T, f *fixture) {
				f.spec.Hooks.JobStarted, f.spec.Hooks.JobCompleted = f.dir+"/hooks/start.sh", f.dir+"/hooks/done.sh"
			},
			want: "success", rows: []string{"hook started", "pre $FROM_HOOK", "post $FROM_HOOK main", "hook completed hook"},
		},
	})
}
