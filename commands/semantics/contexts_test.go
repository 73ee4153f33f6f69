//go:build unix

package semantics

import "testing"

func TestContexts(t *testing.T) {
	const one = "- run: echo never"
	never := []string{"never"}
	check(t, []row{
		{rule: "4.5: no matrix in a job's condition", job: "if: matrix.x == 1", steps: one, result: "failure", want: "skipped", has: []string{"'matrix'"}, not: never},
		{rule: "4.5: no env in a job's condition", job: "if: env.x == 1", steps: one, result: "failure", want: "skipped", has: []string{"'env'"}, not: never},
		{rule: "4.5: no secrets in a job's condition", job: "if: secrets.x", steps: one, result: "failure", want: "skipped", has: []string{"'secrets'"}, not: never},
		{rule: "4.5: no hashFiles in a job's condition", job: "if: hashFiles('x')", steps: one, result: "failure", want: "skipped", has: []string{"'hashFiles'"}, not: never},
		{rule: "4.5: no needs in the workflow's env", workflow: `env: {A: "${{ needs.x }}"}`, steps: one, result: "failure", want: "skipped", has: []string{"'needs'"}, not: never},
		{rule: "4.5: no steps in the job's env", job: `env: {A: "${{ steps.x }}"}`, steps: one, result: "failure", want: "skipped", has: []string{"'steps'"}, not: never},
		{rule: "4.5: no secrets in the job's timeout", job: "timeout-minutes: ${{ secrets.x }}", steps: one, result: "failure", want: "skipped", has: []string{"'secrets'"}, not: never},
		{rule: "4.5: no secrets in defaults", job: `defaults: {run: {shell: "${{ secrets.x }}"}}`, steps: one, result: "failure", want: "skipped", has: []string{"'secrets'"}, not: never},
		{
			rule:     "4.5: what is available at each key",
			workflow: `env: {W: "${{ github.actor }} ${{ vars.MYVAR }} ${{ inputs.x }} ${{ secrets.MYSECRET == 's3cr3t-value' }}"}`,
			job: `
				env: {J: "${{ matrix.n }} ${{ strategy.job-total }} ${{ secrets.MYSECRET == 's3cr3t-value' }} ${{ needs.x.result }}"}
				strategy: {matrix: {n: [5]}}
				timeout-minutes: ${{ matrix.n }}
				defaults: {run: {shell: "${{ matrix.n == 5 && env.SHELL_NAME || 'sh' }}"}}
				continue-on-error: ${{ matrix.n == 4 }}
			`,
			steps: `
				- {id: first, run: 'echo o=1 >> "$GITHUB_OUTPUT"'}
				- if: steps.first.outputs.o == 1 && job.status == 'success' && runner.os == 'linux' && env.J && matrix.n == 5
				  name: "name ${{ secrets.MYSECRET }} ${{ hashFiles('none') }}"
				  env: {S: "${{ steps.first.outcome }} ${{ secrets.MYSECRET == 's3cr3t-value' }} ${{ job.status }} [${{ hashFiles('none') }}]"}
				  timeout-minutes: ${{ matrix.n }}
				  run: |
				    echo "$W"
				    echo "$J"
				    echo "$S"
			`,
			want: "success success", rows: []string{"probe v1  true", "5 1 true ", "success true success []"},
		},
		{
			rule: "4.5: no secrets in a step's condition, no status functions elsewhere, no unknown names",
			steps: `
				- {if: "secrets.MYSECRET != ''", run: echo never}
				- {if: always(), env: {A: "${{ success() }}"}, run: echo never}
				- {if: always(), run: "echo never ${{ failure() }}"}
				- {if: always(), run: "echo never ${{ nonsense.x }}"}
				- {if: always(), run: "echo never ${{ nonsense(1) }}"}
				- {if: always(), continue-on-error: "${{ always() }}", run: exit 1}
				- {if: always(), timeout-minutes: "${{ always() }}", run: echo never}
			`,
			result: "failure", want: "failure failure failure failure failure failure failure",
			has: []string{"'secrets'", "'success'", "'failure'", "'nonsense'", "'always'"}, not: never,
		},
		{
			rule: "4.5: a composite action has neither secrets nor needs",
			steps: `
				- uses: ./a
				- {if: always(), uses: ./b}
				- {if: always(), uses: ./c}
			`,
			files: `
				-- ./a/action.yml --
				runs: {using: composite, steps: [{shell: bash, run: "echo never ${{ secrets.MYSECRET }}"}]}
				-- ./b/action.yml --
				runs: {using: composite, steps: [{if: needs.x, shell: bash, run: echo never}]}
				-- ./c/action.yml --
				outputs: {o: {value: "${{ secrets.MYSECRET }}"}}
				runs: {using: composite, steps: [{shell: bash, run: echo ran}]}
			`,
			result: "failure", want: "failure failure failure", rows: []string{"ran"}, has: []string{"'secrets'", "'needs'"}, not: never,
		},
		{
			rule: "4.5: defaults of inputs see github, runner, job, strategy and matrix, but no env",
			job:  "strategy: {matrix: {n: [5]}}",
			steps: `
				- uses: ./a
				- {if: always(), uses: ./b}
				- {uses: ./b, if: always(), with: {n: given}}
			`,
			files: `
				-- ./a/action.yml --
				inputs: {n: {default: "${{ github.actor }} ${{ runner.os }} ${{ job.status }} ${{ matrix.n }} ${{ strategy.job-total }} [${{ hashFiles('none') }}]"}}
				runs: {using: composite, steps: [{shell: bash, run: "echo '${{ inputs.n }}'"}]}
				-- ./b/action.yml --
				inputs: {n: {default: "${{ env.X }}"}}
				runs: {using: composite, steps: [{shell: bash, run: "echo b ${{ inputs.n }}"}]}
			`,
			result: "failure", want: "success failure success", rows: []string{"probe Linux success 5 1 []", "b given"}, has: []string{"'env'"},
		},
	})
}
