//go:build real

package actionstest

import (
	"os/exec"
	"strings"
	"testing"

	"multirunner/common"
)

const actions = "testdata/actions"

func TestANodeActionOnARealNode(t *testing.T) {
	j := newJob(t, actions, `
    - id: parts
      uses: testdata/parts@v1
      with: {who to greet: you}
    - run: echo "after ${{ steps.parts.outputs.greeted }}, $FROM_ACTION"
    - uses: testdata/parts@v1
    - id: last
      uses: testdata/parts@v1
      env: {SKIP_POST: true}
      with: {dotted.name-x: given}
`, func(spec *common.JobSpec) { spec.Workspace.Mode = common.WorkspaceEmpty }).want("success", "success", "success", "success", "success")
	j.wantRows(
		"pre of you", "pre of octo/demo", "pre of octo/demo",
		`main of you, Linux, after "the pre\npart"`, "in the workspace: true", "script main.js, action parts, testdata/parts at v1",
		"runtime https://git.example.org/api/actions_pipeline/ with a token",
		"after you, set by you",
		`main of octo/demo, Linux, after "the pre\npart"`, "script main.js, action __testdata_parts, testdata/parts at v1",
		`main of octo/demo, given, after "the pre\npart"`,
		"post of octo/demo after main", "post of you after main",
	)
	if got := j.trace.summaries; got[0] != "greeted you\n" || got[2] != "greeted octo/demo\n" {
		t.Errorf("summaries %q", got[0])
	}
	if n := strings.Count(j.trace.text(), "post of octo/demo"); n != 1 {
		t.Errorf("%d post parts", n)
	}
}

func TestACompositeActionWithRealShells(t *testing.T) {
	if _, err := exec.LookPath("python"); err != nil {
		t.Skip("no python on PATH")
	}
	j := newJob(t, actions, `
    - id: greet
      uses: testdata/greet@v1
      with: {name: Ann}
    - run: |
        echo "${{ steps.greet.outputs.sentence }} ${{ steps.greet.outputs.inner }}"
`).want("success", "success", "success")
	j.wantRows("pre of Ann within", "Good day, Ann.", "Good day, Ann.", "main of Ann within, Linux, after \"the pre\\npart\"", "python says success", "Good day, Ann. Ann within", "post of Ann within after main")
}

func TestActionsBesideTheWorkflow(t *testing.T) {
	j := newJob(t, actions, `
    - uses: ./.actions/local
      with: {word: one}
    - uses: ./.actions/wrap
`)
	j.spec.Environment = append(j.spec.Environment, "X=y")
	j.want("success", "success", "success")
	j.wantRows("local one first", "local wrapped first", "Good day, wrapped.", "post of wrapped within after main", "local wrapped again", "local one again")
}

func TestAnActionThatThrows(t *testing.T) {
	j := newJob(t, actions, `
    - uses: testdata/failing@v1
    - if: failure()
      run: echo seen
`).want("failure", "failure", "success")
	j.wantRows("Error: nobody catches this", "##[error]Process completed with exit code 1.", "seen")
}

func TestACancelledActionIsInterruptedAndCleansUp(t *testing.T) {
	j := newJob(t, actions, `
    - uses: testdata/sleeper@v1
    - run: echo never
    - if: cancelled()
      run: echo cancelled
`)
	failed := make(chan error, 1)
	go func() {
		err := j.eventually("sleeping")
		j.run.Stop(common.StopServer)
		failed <- err
	}()
	j.want("cancelled", "cancelled", "skipped", "success")
	if err := <-failed; err != nil {
		t.Error(err)
	}
	j.wantRows("sleeping", "interrupted", "cancelled", "cleaned up")
}
