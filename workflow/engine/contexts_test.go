package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestContexts(t *testing.T) {
	b := newBench(t, `
		on:
		  workflow_dispatch:
		    inputs:
		      flag: {type: boolean}
		      num: {type: number, default: 3}
		      who: {type: string, default: bob}
		jobs:
		  a:
		    runs-on: x
		    strategy:
		      fail-fast: "false"
		      max-parallel: "2"
		      matrix: {os: [x], n: [1], on: [true]}
		    env: {E: "e-${{ matrix.n }}"}
		    steps:
		    - id: first
		      run: file GITHUB_OUTPUT "o=out\n"
		    - run: |
		        out ${{ github.repository }} ${{ gitea.sha }} ${{ forge.ref }} ${{ forgejo.actor }} ${{ GITHUB.server_url }}
		        out ${{ github.event.number == 42 }} ${{ github.event_path }} ${{ github.workspace }} ${{ github.action }}
		        out ${{ env.E }} ${{ vars.MYVAR }} ${{ vars.myvar }} ${{ secrets.MYSECRET == 's3cr3t-value' }} ${{ secrets.mysecret }}
		        out ${{ needs.build.result }} ${{ needs.build.outputs.v }} ${{ needs.other.result }}
		        out ${{ matrix.os }} ${{ matrix.n == 1 }} ${{ matrix.on == true }} ${{ toJSON(matrix.on) }}
		        out ${{ toJSON(strategy.fail-fast) }} ${{ strategy.job-index }} ${{ strategy.job-total }} ${{ strategy.max-parallel }}
		        out ${{ steps.first.outputs.o }} ${{ steps.first.outcome }} ${{ steps.first.conclusion }} [${{ steps.nobody.outputs.x }}]
		        out ${{ job.status }} ${{ runner.os }} ${{ runner.arch }} ${{ runner.name }} ${{ runner.temp }} ${{ runner.tool_cache }} ${{ runner.workspace }} ${{ runner.environment }}
		        out ${{ toJSON(inputs.flag) }} ${{ toJSON(inputs.num) }} ${{ inputs.who }} ${{ toJSON(github.event.inputs.flag) }}
		        out [${{ github.gitea_runtime_token }}] ${{ github.token == secrets.GITHUB_TOKEN }}
	`)
	b.task.Needs = map[string]*runnerv1.TaskNeed{
		"build": {Result: runnerv1.Result_RESULT_SUCCESS, Outputs: map[string]string{"v": "1.0"}},
		"other": {Result: runnerv1.Result_RESULT_SKIPPED},
	}
	fields := b.task.Context.Fields
	fields["event_name"] = structpb.NewStringValue("workflow_dispatch")
	fields["event"].GetStructValue().Fields["inputs"] = structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
		"flag": structpb.NewStringValue("false"),
	}})
	b.run()
	b.wantResult(success)
	b.wantRows(1,
		"probe/demo 2021f9 refs/heads/main probe https://git.example.org",
		"true /job/temp/_github_workflow/event.json /job/work/demo __run",
		"e-1 v1 v1 true ***",
		"success 1.0 skipped",
		"x true true true",
		"false 0 1 2",
		"out success success []",
		"success Linux X64 team-a /job/temp /tools /job/work self-hosted",
		`false 3 bob "false"`,
		"[] true",
	)
}

func TestContextsThatAreNotAvailableAreNamed(t *testing.T) {
	const job = "on: push\njobs:\n  a:\n    runs-on: x\n"
	tests := []struct{ claim, payload, context string }{
		{"secrets in the if of a step", steps(`[{run: out x, if: "secrets.A == 'x'"}]`), "secrets"},
		{"a status function in a step's env", steps(`[{run: out x, env: {A: "${{ success() }}"}}]`), "success"},
		{"a status function in run", steps(`[{run: "out ${{ failure() }}"}]`), "failure"},
		{"matrix in the job's if", job + "    if: matrix.x == 1\n    steps: [{run: out x}]", "matrix"},
		{"env in the job's if", job + "    if: env.x == 1\n    steps: [{run: out x}]", "env"},
		{"secrets in the job's if", job + "    if: secrets.x\n    steps: [{run: out x}]", "secrets"},
		{"hashFiles in the job's if", job + "    if: hashFiles('x')\n    steps: [{run: out x}]", "hashFiles"},
		{"steps in the job's env", job + "    env: {A: \"${{ steps.x }}\"}\n    steps: [{run: out x}]", "steps"},
		{"needs in the workflow's env", "env: {A: \"${{ needs.x }}\"}\n" + job + "    steps: [{run: out x}]", "needs"},
		{"secrets in the job's timeout", job + "    timeout-minutes: ${{ secrets.x }}\n    steps: [{run: out x}]", "secrets"},
		{"secrets in defaults", job + "    defaults: {run: {shell: \"${{ secrets.x }}\"}}\n    steps: [{run: out x}]", "secrets"},
		{"an unknown context", steps(`[{run: "out ${{ nonsense.x }}"}]`), "nonsense"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := runPayload(t, test.payload)
			b.wantResult(failure)
			b.wantRow("##[error]", test.context)
		})
	}
}

func TestNoMatrixIsNull(t *testing.T) {
	b := runPayload(t, steps("- run: out ${{ toJSON(matrix) }} ${{ strategy.max-parallel }} ${{ toJSON(inputs) }} ${{ toJSON(needs) }}"))
	b.wantRows(0, "null 1 {} {}")
}

func TestAMatrixThatTheServerDidNotExpandIsRefused(t *testing.T) {
	b := runPayload(t, "on: push\njobs: {a: {runs-on: x, strategy: {matrix: {n: [1, 2]}}, steps: [{run: out x}]}}")
	b.wantResult(failure)
	b.wantRow("##[error]", "2 combinations")
}

func TestHashFilesReadsTheWorkspace(t *testing.T) {
	b := newBench(t, steps(`
		- if: hashFiles('go.sum') != ''
		  run: out ${{ hashFiles('**/go.sum') == hashFiles('go.sum', 'none') }} [${{ hashFiles('--follow-symbolic-links', 'none') }}]
		- run: out ${{ hashFiles('a/../b') }}
	`))
	work := filepath.Join(b.spec.Dirs.Build, "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "go.sum"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.wantRows(0, "true []")
	b.wantResults("success failure")
	b.wantRow("##[error]", "hashFiles")
}

func TestHashFilesReadsAWorkspaceInPlace(t *testing.T) {
	b := newBench(t, steps("- run: out [${{ hashFiles('x') }}]"))
	dir := t.TempDir()
	b.spec.Workspace.Mode, b.spec.Workspace.Source = "in-place", dir
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b.run()
	if rows := b.stepRows(0); len(rows) != 1 || len(rows[0]) != 66 {
		t.Errorf("rows %q", rows)
	}
}

func TestHashFilesFollowsNoLinkInPlaceOfTheWorkspace(t *testing.T) {
	b := newBench(t, steps("- run: out [${{ hashFiles('x') }}]"))
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "x"), []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(b.spec.Dirs.Build, "work")); err != nil {
		t.Skip(err)
	}
	b.run()
	b.wantResult(failure)
	b.wantRow("##[error]", "hashFiles")
}

func TestStepsWithoutAnIDAreNotInTheContext(t *testing.T) {
	b := runPayload(t, steps(`
		- run: file GITHUB_OUTPUT "a=1\n"
		- id: me
		  run: out x
		- run: out ${{ join(steps.*.outcome) }} [${{ steps.__run.outputs.a }}]
		  env: {ALL: "${{ toJSON(steps) }}"}
	`))
	b.wantRows(2, "success []")
	if strings.Contains(strings.Join(b.trace.rows, "\n"), `"__run"`) {
		t.Error("a generated name is in the steps context")
	}
}
