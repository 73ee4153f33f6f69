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

func TestTheNodeOfAContainer(t *testing.T) {
	const image = "container: {image: 'debian:12'}"
	type nodes = map[string]string
	tests := []struct {
		claim, keys string
		nodes       nodes
		want        string // path, or text of the error
	}{
		{"the image's", image, nodes{"/usr/bin/node": "v20.1.0", "/__n/bin/node": "v24.0.0"}, "/usr/bin/node"},
		{"node_dir when the image has none", image, nodes{"/__n/bin/node": "v24.0.0"}, "/__n/bin/node"},
		{"node_dir when the image's is too old", image, nodes{"/usr/bin/node": "v12.1.0", "/__n/bin/node": "v24.0.0"}, "/__n/bin/node"},
		{"a step's before node_dir", image, nodes{"/w/node": "v22.0.0", "/__n/bin/node": "v24.0.0"}, "/w/node"},
		{"none", image, nodes{}, "(node20) needs node 20 or newer, and the job's container has none (image debian:12; its PATH is /w:/usr/bin:/bin): use an image with node, or set node_dir in [runners.docker]"},
		{"too old", image, nodes{"/usr/bin/node": "v12.1.0"}, "needs node 20 or newer, but in the job's container (image debian:12) /usr/bin/node is 12.1.0: use an image with a newer node, or set node_dir"},
		{"node_dir that does not run there", image, nodes{"/__n/bin/node": ""}, "which the job's container has not (image debian:12), and that of node_dir does not run there: /__n/bin/node --version: no such script"},
		{"of a label's image", "", nodes{}, "the job's container has none (image node:22 of the label linux:docker://node:22;"},
		{"on the host node_dir counts too", "", nodes{"/__n/bin/node": "v24.0.0"}, "/__n/bin/node"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, inJobWith(test.keys, "- {run: 'file GITHUB_PATH \"/w\\n\"'}\n- uses: octo/a@v1")).lay(`
				-- octo/a@v1/action.yml --
				runs: {using: node20, main: main.js}
				-- octo/a@v1/main.js --
				out x
			`)
			b.spec.Label, b.spec.LabelArg = "linux:docker://node:22", "node:22"
			f := b.contained()
			if len(test.nodes) == 0 || test.keys != "" {
				f.running.Container = "c1"
			}
			f.nodeDir = "/__n/bin"
			b.executor.nodes = test.nodes
			b.run()
			if !strings.HasPrefix(test.want, "/") {
				b.wantResults("success failure")
				b.wantRow("##[error]The action octo/a@v1", test.want)
				return
			}
			b.wantResult(success)
			if got := b.executor.commands[len(b.executor.commands)-1].Path; got != test.want {
				t.Errorf("it runs on %s, want %s", got, test.want)
			}
		})
	}
}
