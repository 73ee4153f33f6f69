package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestActionsAsAContainerSeesThem(t *testing.T) {
	b := newBench(t, inJobWith("container: node", `
		- uses: octo/a/sub@v1
		- uses: octo/a@v1
		- uses: octo/outer@v1
		- uses: ./local
	`)).lay(`
		-- octo/a@v1/sub/action.yml --
		runs: {using: node20, main: ../main.js, post: post.js}
		-- octo/a@v1/sub/post.js --
		out post
		-- octo/a@v1/action.yml --
		runs: {using: node20, main: main.js}
		-- octo/a@v1/main.js --
		out ::add-matcher::/__a/1/m.json
		out main
		-- octo/a@v1/m.json --
		{"problemMatcher": [{"owner": "m", "pattern": [{"regexp": "^BAD: (.*)$", "message": 1}]}]}
		-- octo/outer@v1/action.yml --
		runs:
		  using: composite
		  steps:
		    - {run: "out BAD: ${{ github.action_path }} $GITHUB_ACTION_PATH", shell: bash}
		    - uses: octo/a@v1
		-- ./local/action.yml --
		runs:
		  using: composite
		  steps:
		    - {run: "out ${{ github.action_path }}", shell: bash}
		    - uses: octo/late@v1
		    - uses: octo/a@v1
		-- octo/late@v1/action.yml --
		runs: {using: node20, main: main.js}
		-- octo/late@v1/main.js --
		out late
	`)
	f := b.importing()
	b.run()
	b.wantResult(success)
	b.wantRow("##[error]BAD: /__a/2 /__a/2")
	b.wantRow("/__w/demo/demo/local")
	b.wantRow("late")
	if len(f.imports) != 3 {
		t.Errorf("imported: %q", f.imports)
	}
	var ran []string
	for _, c := range b.executor.commands {
		if strings.HasSuffix(c.Path, "node") {
			ran = append(ran, c.Args[0])
		}
	}
	want := "/__a/1/main.js /__a/1/main.js /__a/1/main.js /__a/3/main.js /__a/1/main.js /__a/1/sub/post.js"
	if got := strings.Join(ran, " "); got != want {
		t.Errorf("node ran %s\nwant      %s", got, want)
	}
}

func TestAnActionThatCannotBeShownFailsTheJob(t *testing.T) {
	b := newBench(t, inJobWith("container: node", "- run: out x\n- uses: octo/a@v1")).lay(`
		-- octo/a@v1/action.yml --
		runs: {using: node20, main: main.js}
	`)
	b.importing()
	b.executor.failures = map[string]error{"Import": errors.New("disk full")}
	b.run()
	b.wantResults("skipped skipped")
	b.wantRow("##[error]", "octo/a@v1", "disk full")
}
