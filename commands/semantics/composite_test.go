//go:build unix

package semantics

import "testing"

func TestCompositeActions(t *testing.T) {
	check(t, []row{
		{
			rule: "4.2: ids are nested, only declared outputs leave a composite action",
			steps: `
				- {id: same, run: 'echo o=outer >> "$GITHUB_OUTPUT"'}
				- {id: used, uses: ./outer, with: {word: hi}}
				- run: |
				    echo "${{ steps.used.outputs.word }} ${{ steps.used.outputs.hidden == null }} ${{ steps.same.outputs.o }} [${{ steps.in.outcome }}]"
			`,
			files: `
				-- ./outer/action.yml --
				inputs: {word: {}, more: {default: dflt}}
				outputs: {word: {value: "${{ steps.same.outputs.o }} ${{ steps.in.outputs.deep }} ${{ inputs.more }} ${{ steps.in.outcome }}"}}
				runs:
				  using: composite
				  steps:
				  - id: same
				    shell: bash
				    run: |
				      echo "outer [${{ steps.same.outputs.o }}] ${{ inputs.WORD }}"
				      echo o=inner >> "$GITHUB_OUTPUT"
				      echo hidden=1 >> "$GITHUB_OUTPUT"
				  - {id: in, uses: ./inner}
				-- ./inner/action.yml --
				outputs: {deep: {value: "${{ steps.same.outputs.o }}"}}
				runs:
				  using: composite
				  steps:
				  - {id: same, shell: sh, run: 'echo o=deep >> "$GITHUB_OUTPUT"'}
			`,
			want: "success success success", rows: []string{"outer [] hi", "inner deep dflt success true outer []"},
		},
		{
			rule: "4.2: inputs and action_path are the composite action's own",
			steps: `
				- {uses: ./outer, with: {word: hi}}
				- run: echo "[${{ inputs.word }}] [${{ github.action_path }}]"
			`,
			files: `
				-- ./outer/action.yml --
				inputs: {word: {}}
				runs:
				  using: composite
				  steps:
				  - {shell: bash, run: 'echo "${{ endsWith(github.action_path, ''/outer'') }} ${{ inputs.word }}"'}
				  - {uses: ./inner, with: {other: "${{ inputs.word }}2"}}
				  - {shell: bash, run: 'echo "${{ github.action_path == env.NOTHING }} ${{ endsWith(github.action_path, ''/outer'') }} again"'}
				-- ./inner/action.yml --
				inputs: {other: {}}
				runs:
				  using: composite
				  steps:
				  - {shell: bash, run: 'echo "${{ endsWith(github.action_path, ''/inner'') }} ${{ inputs.other }} [${{ inputs.word }}]"'}
			`,
			want: "success success", rows: []string{"true hi", "true hi2 []", "false true again", "[] []"},
		},
		{
			rule: "4.2: success() and failure() are of the action so far, action_status tells it",
			steps: `
				- run: exit 1
				- {if: always(), uses: ./a}
			`,
			files: `
				-- ./a/action.yml --
				runs:
				  using: composite
				  steps:
				  - {shell: bash, run: "echo first ${{ github.action_status }} ${{ job.status }}"}
				  - {shell: bash, run: exit 1}
				  - {shell: bash, run: echo never}
				  - {if: success(), shell: bash, run: echo never}
				  - {if: cancelled(), shell: bash, run: echo never}
				  - {if: failure(), shell: bash, run: "echo then ${{ github.action_status }}"}
				  - {if: always(), shell: bash, run: echo last}
			`,
			result: "failure", want: "failure failure", rows: []string{"first success failure", "then failure", "last"}, not: []string{"never"},
		},
		{
			rule: "4.2: continue-on-error within a composite action keeps its status",
			steps: `
				- uses: ./a
			`,
			files: `
				-- ./a/action.yml --
				runs:
				  using: composite
				  steps:
				  - {id: x, continue-on-error: true, shell: bash, run: exit 1}
				  - {shell: bash, run: "echo ${{ github.action_status }} ${{ steps.x.outcome }} ${{ steps.x.conclusion }}"}
			`,
			want: "success", rows: []string{"success failure success"},
		},
		{
			rule: "4.2: a condition that cannot be evaluated fails its step, the job goes on with its conditions",
			steps: `
				- {if: "fromJSON('x y')", run: echo never}
				- {if: failure(), run: echo after}
			`,
			result: "failure", want: "failure success", rows: []string{"after"}, has: []string{"##[error]", "fromJSON"}, not: []string{"never"},
		},
		{
			rule: "4.2: within a composite action such a condition ends the action",
			steps: `
				- uses: ./a
				- {if: failure(), run: echo after}
			`,
			files: `
				-- ./a/action.yml --
				runs:
				  using: composite
				  steps:
				  - {if: "fromJSON('x y')", shell: bash, run: echo never}
				  - {if: always(), shell: bash, run: echo never}
			`,
			result: "failure", want: "failure success", rows: []string{"after"}, not: []string{"never"},
		},
		{
			rule:     "4.2: run steps of composite actions must name their shell, defaults do not count",
			workflow: "defaults: {run: {shell: sh}}",
			steps:    "- uses: ./a",
			files: `
				-- ./a/action.yml --
				runs: {using: composite, steps: [{run: echo never}]}
			`,
			result: "failure", want: "failure", has: []string{"shell"}, not: []string{"never"},
		},
		{
			rule:     "4.2: env of a composite action is the job's, what its step sets, and the embedded step's own",
			workflow: "env: {WHOLE: job}",
			steps: `
				- {uses: ./a, env: {STEP: step, BOTH: step}}
				- run: echo "last [$STEP] $BOTH [$INNER] $SET"
			`,
			files: `
				-- ./a/action.yml --
				runs:
				  using: composite
				  steps:
				  - env: {INNER: inner, BOTH: inner}
				    shell: bash
				    run: |
				      echo "first $STEP $BOTH $INNER [$SET] $WHOLE"
				      echo SET=set >> "$GITHUB_ENV"
				      echo BOTH=set >> "$GITHUB_ENV"
				  - {shell: bash, run: 'echo "second $STEP $BOTH [$INNER] $SET"'}
			`,
			want: "success success", rows: []string{"first step inner inner [] job", "second step step [] set", "last [] set [] set"},
		},
		{
			rule: "4.2: a post part sees the steps and inputs of its own scope, and the state of its own use",
			steps: `
				- {id: x, run: 'echo o=of-the-job >> "$GITHUB_OUTPUT"'}
				- {uses: ./a, with: {word: one}}
				- {uses: ./a, with: {word: two}}
			`,
			files: parted + `
				-- ./a/action.yml --
				inputs: {word: {}}
				runs:
				  using: composite
				  steps:
				  - {uses: octo/all@v1, with: {n: "[${{ steps.x.outputs.o }}] ${{ inputs.word }}"}}
				  - {id: x, shell: bash, run: 'echo o=inner-${{ inputs.word }} >> "$GITHUB_OUTPUT"'}
			`,
			want: "success success success",
			rows: []string{"main [] one ", "main [] two ", "post [inner-two] two main", "post [inner-one] one main"},
		},
		{
			rule: "4.2: a step that fails within a composite action fails it, its outputs are there all the same",
			steps: `
				- {id: a, continue-on-error: true, uses: ./a}
				- run: echo "${{ steps.a.outcome }} ${{ steps.a.conclusion }} ${{ steps.a.outputs.o }}"
			`,
			files: `
				-- ./a/action.yml --
				outputs: {o: {value: "${{ steps.s.outputs.v }}"}}
				runs:
				  using: composite
				  steps:
				  - id: s
				    shell: bash
				    run: |
				      echo v=kept >> "$GITHUB_OUTPUT"
				      exit 1
			`,
			want: "success success", rows: []string{"failure success kept"},
		},
	})
}
