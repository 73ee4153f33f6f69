package engine

import (
	"strconv"
	"strings"
	"testing"
)

func TestFilesHandValuesOn(t *testing.T) {
	b := runPayload(t, steps(`
		- id: s
		  run: |
		    file GITHUB_OUTPUT "one=1\nmore<<EOF\na\nb\nEOF\n"
		    file GITEA_ENV "E=2\n"
		    file FORGEJO_STATE "x=y\n"
		    file GITHUB_STEP_SUMMARY "# Title\n"
		- run: out ${{ steps.s.outputs.ONE }} ${{ toJSON(steps.s.outputs.more) }} $E ${{ env.E }} $STATE_x
	`))
	b.wantRows(1, `1 "a\nb" 2 2 (unset)`)
	if got := b.trace.summaries[0]; got != "# Title\n" {
		t.Errorf("the summary is %q", got)
	}
	if _, ok := b.trace.summaries[1]; ok {
		t.Error("a step without a summary has one")
	}
}

func TestFilesCountAfterAFailureToo(t *testing.T) {
	b := runPayload(t, steps(`
		- id: s
		  run: |
		    file GITHUB_OUTPUT "a=1\n"
		    file GITHUB_ENV "B=2\n"
		    exit 1
		- if: failure()
		  run: out ${{ steps.s.outputs.a }} $B
	`))
	b.wantRows(1, "1 2")
}

func TestAFileThatCannotBeObeyedFailsTheStep(t *testing.T) {
	b := runPayload(t, steps(`
		- id: s
		  run: file GITHUB_OUTPUT "a=1\nnonsense\nb=2\n"
		- if: always()
		  run: file GITHUB_ENV "A<<EOF\nx"
		- if: always()
		  run: out [${{ steps.s.outputs.a }}] [${{ steps.s.outputs.b }}]
	`))
	b.wantResults("failure failure success")
	b.wantRow("##[error]", "$GITHUB_OUTPUT", "line 2")
	b.wantRow("##[error]", "$GITHUB_ENV", `"A<<EOF"`)
	b.wantRows(2, "[1] []")
}

func TestNodeOptionsCannotBeSetForLaterSteps(t *testing.T) {
	b := runPayload(t, steps(`
		- run: file GITHUB_ENV "A=1\nnode_options=--require /x\nB=2\n"
		- run: out $A $B $node_options
	`))
	b.wantResults("success success")
	b.wantRow("##[error]", "node_options")
	b.wantRows(1, "1 2 (unset)")
}

// A step that uses a composite action has files only for who asks for them.
func TestFilesAreMadeForWhoMayWriteThem(t *testing.T) {
	count := func(b *bench) (n int) {
		for name := range b.executor.files {
			if below, ok := strings.CutPrefix(name, "_runner_file_commands/"); ok && below != "" {
				n++
			}
		}
		return n
	}
	const files = `
		-- ./a/action.yml --
		inputs: {to: {}}
		runs:
		  using: composite
		  steps:
		  - {shell: bash, env: {TO: "${{ inputs.to }}"}, run: file TO "o=kept\n"}
	`
	b := withActions(t, "- uses: ./a", files).run()
	b.wantResults("success")
	if got := count(b); got != fileCount {
		t.Errorf("%d files were made for one process", got)
	}
	b = withActions(t, `
		- {id: s, uses: ./a, with: {to: "${{ github.output }}"}}
		- run: out ${{ steps.s.outputs.o }}
	`, files).run()
	b.wantRows(1, "kept")
	if got := count(b); got != 3*fileCount {
		t.Errorf("%d files were made", got)
	}
}

func TestFilesThatCannotBeMadeFailTheStep(t *testing.T) {
	b := newBench(t, steps("- run: out never\n- {if: always(), run: out never}"))
	b.executor.refuse = "_runner_file_commands/"
	b.run()
	b.wantResults("failure failure")
	b.wantRow("##[error]the files for environment, outputs and the like could not be made: no room")
	if n := strings.Count(b.text(), "no room"); n != 2 || len(b.executor.commands) > 0 {
		t.Errorf("%d rows, %d processes; log:\n%s", n, len(b.executor.commands), b.text())
	}
}

func TestARemovedFileIsEmpty(t *testing.T) {
	b := runPayload(t, steps(`
		- run: rm GITHUB_OUTPUT
	`))
	b.wantResults("success")
}

func TestALargeSummaryIsLeftOut(t *testing.T) {
	b := newBench(t, steps(`
		- run: fill GITHUB_STEP_SUMMARY 1048577
		- run: file GITHUB_STEP_SUMMARY "ok"
	`))
	b.run()
	b.wantResults("success success")
	b.wantRow("##[error]", "summary", "1MiB")
	if len(b.trace.summaries) != 1 || b.trace.summaries[1] != "ok" {
		t.Errorf("summaries: %v", len(b.trace.summaries))
	}
}

func TestSummariesOfAJobAreBoundedTogether(t *testing.T) {
	b := newBench(t, steps(`
		- run: fill GITHUB_STEP_SUMMARY 700000
		- run: fill GITHUB_STEP_SUMMARY 348577
		- run: fill GITHUB_STEP_SUMMARY 348576
		- run: file GITHUB_STEP_SUMMARY "more"
	`))
	b.run()
	b.wantResults("success success success success")
	if len(b.stepRows(1)) != 1 || len(b.stepRows(2)) != 0 || len(b.stepRows(3)) != 1 {
		t.Errorf("rows:\n%s", b.text())
	}
	b.wantRow("##[error]The step's summary is left out", "all steps", "1MiB", "700000 bytes")
	if got := b.trace.summaries; len(got) != 2 || len(got[0]) != 700000 || len(got[2]) != 348576 {
		t.Errorf("%d summaries", len(got))
	}
}

func TestSummariesAreMaskedAndValid(t *testing.T) {
	b := runPayload(t, steps(`
		- run: file GITHUB_STEP_SUMMARY "\xef\xbb\xbfa s3cr3t-value\nb \xff\n"
	`))
	if got, want := b.trace.summaries[0], "a ***\nb \uFFFD\n"; got != want {
		t.Errorf("the summary is %q, want %q", got, want)
	}
}

func TestNoErrorShowsAPartOfASecret(t *testing.T) {
	secret := strings.Repeat("0123456789", 100) + "<<end"
	b := newBench(t, steps(`
		- run: file GITHUB_OUTPUT "${{ secrets.LONG }}\n"
		- if: always()
		  run: file GITHUB_ENV "${{ secrets.LONG }}"
		- if: always()
		  continue-on-error: ${{ secrets.LONG }}
		  run: exit 1
		- if: always()
		  timeout-minutes: ${{ secrets.LONG }}
		  run: out x
	`))
	b.task.Secrets["LONG"] = secret
	b.run()
	b.wantResults("failure failure failure failure")
	for _, row := range b.trace.rows {
		if strings.Contains(row, "01234") || strings.Contains(row, `"end"`) {
			t.Errorf("this row shows a part of the secret: %s", row)
		}
	}
}

// A file may hold millions of lines. This takes minutes if each is a copy of
// those before it.
func TestAPathOfManyDirectoriesIsTakenInOneGo(t *testing.T) {
	_, o := looseOutput(t)
	dirs := make([]string, 200_000)
	for i := range dirs {
		dirs[i] = "/" + strconv.Itoa(i)
	}
	o.r.addPath("/old", "/5")
	o.r.addPath(dirs...)
	o.r.addPath("/old")
	if got := o.r.job.path; len(got) != 200_001 || got[0] != "/old" || got[1] != "/199999" || got[len(got)-1] != "/0" {
		t.Errorf("%d directories, %v…", len(got), got[:2])
	}
}
