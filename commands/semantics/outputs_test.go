//go:build unix

package semantics

import (
	"testing"

	"multirunner/common"
)

func TestOutputs(t *testing.T) {
	check(t, []row{
		{
			rule: "4.11: outputs are evaluated at the end, with what GITHUB_ENV holds, empty ones are left out",
			job: `
				env: {E: job}
				outputs:
				  one: ${{ steps.s.outputs.one }}
				  both: "${{ steps.s.outputs.one }} ${{ env.E }} ${{ job.status }} ${{ github.actor }}"
				  empty: ${{ steps.none.outputs.x }}
				  lines: ${{ steps.s.outputs.m }}
			`,
			steps: `
				- id: s
				  env: {E: step}
				  run: |
				    echo one=1 >> "$GITHUB_OUTPUT"
				    echo E=file >> "$GITHUB_ENV"
				    { echo 'm<<E'; echo a; echo b; echo E; } >> "$GITHUB_OUTPUT"
			`,
			want: "success", output: map[string]string{"one": "1", "both": "1 file success probe", "lines": "a\nb"},
		},
		{
			rule: "4.11: an output that masking would change is left out with a warning",
			job: `
				outputs:
				  secret: ${{ steps.s.outputs.a }}
				  masked: ${{ steps.s.outputs.b }}
				  fine: ${{ steps.s.outputs.c }}
			`,
			steps: `
				- id: s
				  run: |
				    echo a=x-s3cr3t-value-y >> "$GITHUB_OUTPUT"
				    echo b=hide-me >> "$GITHUB_OUTPUT"
				    echo c=fine >> "$GITHUB_OUTPUT"
				- run: echo '::add-mask::hide-me'
			`,
			want: "success success", output: map[string]string{"fine": "fine"}, has: []string{`##[warning]The job's output "secret"`, `##[warning]The job's output "masked"`},
		},
		{
			rule: "4.11: an output that cannot be evaluated fails the job, the others are there",
			job:  `outputs: {bad: "${{ fromJSON('x y') }}", good: "1"}`, steps: "- run: echo x",
			result: "failure", want: "success", output: map[string]string{"good": "1"}, has: []string{"outputs.bad"},
		},
		{
			rule: "4.11: outputs of a job that failed",
			job:  `outputs: {o: "${{ steps.s.outputs.o }} ${{ job.status }}"}`,
			steps: `
				- id: s
				  run: |
				    echo o=1 >> "$GITHUB_OUTPUT"
				    exit 1
			`,
			result: "failure", want: "failure", output: map[string]string{"o": "1 failure"},
		},
		{
			rule: "4.11: outputs of a job that was cancelled", stop: common.StopServer,
			job: `outputs: {o: "${{ steps.s.outputs.o }} ${{ job.status }}"}`,
			steps: `
				- {id: s, run: 'echo o=1 >> "$GITHUB_OUTPUT"'}
				- run: echo ready; sleep 30
			`,
			result: "cancelled", want: "success cancelled", output: map[string]string{"o": "1 cancelled"},
		},
		{
			rule: "4.11: a skipped job has no outputs",
			job:  "if: false\noutputs: {o: '1'}", steps: "- run: echo never",
			result: "skipped", want: "skipped", output: map[string]string{}, not: []string{"never"},
		},
		{
			rule: "4.11: what the job left running is ended before its result",
			job:  `outputs: {o: "1"}`,
			steps: `
				- run: |
				    sleep 30 &
				    echo started
			`,
			want: "success", rows: []string{"started"}, output: map[string]string{"o": "1"},
		},
	})
}
