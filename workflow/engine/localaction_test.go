package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/common"
)

func TestActionsOfTheWorkspace(t *testing.T) {
	b := withActions(t, `
		- {uses: octo/post@v1, with: {n: A}}
		- id: mine
		  uses: ./tools/mine
		  with: {n: B, more: x}
		- run: out main ${{ steps.mine.outputs.o }} [$GITHUB_ACTION_REPOSITORY]
	`, parted+`
		-- ./tools/mine/action.yml --
		inputs: {n: {}}
		runs: {using: node20, pre: ../x.js, main: ../x.js, post: ../../y.js, unknown: 1}
		-- ./tools/x.js --
		out main $INPUT_N [$GITHUB_ACTION_REPOSITORY] [$GITHUB_ACTION_REF] $GITHUB_ACTION
		file GITHUB_OUTPUT "o=out\n"
		-- ./y.js --
		out post $INPUT_N
	`)
	// The fake's processes see another path than this one does.
	b.executor.disk = map[string]string{"/job/work/demo": filepath.Join(b.spec.Dirs.Build, "work")}
	b.run()
	b.wantResult(success)
	if got, want := b.parts("pre", "main", "post"), "main A, main B [] [] mine, main out [], post B, post A"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	b.wantRow("##[warning]The pre part of the action ./tools/mine is not run")
	b.wantRow("##[warning]Unexpected input(s) 'more', valid inputs are ['n']")
	b.wantRow("##[warning]tools/mine/action.yml", "unknown")
	if got := b.executor.commands[1].Args[0]; got != "/job/work/demo/tools/x.js" {
		t.Errorf("it runs %s", got)
	}
}

func TestCompositeActionsOfTheWorkspaceFetchWhatTheyUse(t *testing.T) {
	b := withActions(t, `
		- {uses: octo/post@v1, with: {n: A}}
		- {uses: ./, with: {n: B}}
		- {uses: octo/remote@v1}
	`, parted+`
		-- ./action.yml --
		inputs: {n: {}}
		runs:
		  using: composite
		  steps:
		  - {uses: octo/wrap@v1, with: {n: "${{ inputs.n }}"}}
		  - {uses: ./other, with: {n: "${{ inputs.n }}o"}}
		  - {uses: octo/fail@v1, continue-on-error: true}
		-- ./other/action.yaml --
		inputs: {n: {}}
		runs: {using: node20, main: main.js, post: post.js}
		-- ./other/main.js --
		out main $INPUT_N
		-- ./other/post.js --
		out post $INPUT_N
		-- octo/remote@v1/action.yml --
		runs: {using: composite, steps: [{uses: ./other, with: {n: C}}]}
	`)
	b.executor.disk = map[string]string{"/job/work/demo": filepath.Join(b.spec.Dirs.Build, "work")}
	b.run()
	b.wantResult(success)
	want := "main A, main Ba (unset), main Bb, main Bc, main Bo, main C, post C, post Bo, post Bb, post Ba main, post A"
	if got := b.parts("pre", "main", "post"); got != want {
		t.Errorf("order %s\nwant  %s", got, want)
	}
	const url = "https://actions.example.org/octo/"
	asked := []string{url + "post@v1 " + url + "remote@v1", url + "wrap@v1 " + url + "fail@v1", url + "all@v1"}
	if got := strings.Join(b.source.asked, "\n"); got != strings.Join(asked, "\n") {
		t.Errorf("asked:\n%s", got)
	}
}

func TestActionsThatAreNotInTheWorkspace(t *testing.T) {
	tests := []struct{ claim, uses, files, row string }{
		{"nothing is there", "./none", "-- ./x --\nx\n", "actions/checkout"},
		{"no workspace", "./none", "", "./none"},
		{"a directory without a manifest", "./dir", "-- ./dir/x --\nx\n", "no action.yml"},
		{"a faulty one", "./dir", "-- ./dir/action.yml --\nruns: {using: node99, main: x}\n", "node99"},
		{"what it uses is not there", "./dir", "-- ./dir/action.yml --\nruns: {using: composite, steps: [{uses: octo/none@v1}]}\n", "octo/none@v1"},
		{"it uses itself", "./dir", "-- ./dir/action.yml --\nruns: {using: composite, steps: [{uses: ./dir}]}\n", "more than 9 deep"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, "- {continue-on-error: true, uses: "+test.uses+"}\n- run: out next", test.files).run()
			b.wantResults("success success")
			b.wantRow("##[error]", test.row)
		})
	}
}

func TestLinksLeadToNoActionOutsideOfTheWorkspace(t *testing.T) {
	b := withActions(t, "- uses: ./link", "-- ./x --\nx\n")
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "action.yml"), []byte("secret of the machine: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(b.spec.Dirs.Build, "work", "link")); err != nil {
		t.Skip(err)
	}
	b.run()
	b.wantResults("failure")
	b.wantNoRow("secret of the machine")
}

// The runner may be allowed to read more than the job's user is.
func TestNothingOfTheMachineIsReadForAnActionOfTheWorkspace(t *testing.T) {
	const secret = "secret of the machine: ["
	fault := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Skip(err)
		}
	}
	for claim, plant := range map[string]func(t *testing.T, work, outside string){
		"a link to a manifest": func(t *testing.T, work, outside string) {
			fault(t, os.Mkdir(filepath.Join(work, "a"), 0o755))
			fault(t, os.Symlink(filepath.Join(outside, "action.yml"), filepath.Join(work, "a", "action.yml")))
		},
		"a link to its directory": func(t *testing.T, work, outside string) {
			fault(t, os.Symlink(outside, filepath.Join(work, "a")))
		},
		"a link upwards": func(t *testing.T, work, outside string) {
			up, err := filepath.Rel(work, outside)
			fault(t, err)
			fault(t, os.Symlink(up, filepath.Join(work, "a")))
		},
		"a link in place of the workspace": func(t *testing.T, work, outside string) {
			fault(t, os.Rename(outside, filepath.Join(outside+"2")))
			fault(t, os.MkdirAll(outside, 0o755))
			fault(t, os.Rename(outside+"2", filepath.Join(outside, "a")))
			fault(t, os.RemoveAll(work))
			fault(t, os.Symlink(outside, work))
		},
		"a hard link": func(t *testing.T, work, outside string) {
			if os.Geteuid() != 0 {
				t.Skip("needs root, who may read what others may not")
			}
			fault(t, os.Mkdir(filepath.Join(work, "a"), 0o755))
			fault(t, os.Link(filepath.Join(outside, "action.yml"), filepath.Join(work, "a", "action.yml")))
			fault(t, os.Chown(work, 65534, 65534))
			fault(t, os.Chown(filepath.Dir(work), 65534, 65534))
		},
	} {
		t.Run(claim, func(t *testing.T) {
			b := withActions(t, "- uses: ./a\n- {if: always(), run: 'out ::add-matcher::a/action.yml'}", "-- ./x --\nx\n")
			outside := filepath.Join(t.TempDir(), "outside")
			fault(t, os.Mkdir(outside, 0o700))
			fault(t, os.WriteFile(filepath.Join(outside, "action.yml"), []byte(secret), 0o600))
			plant(t, filepath.Join(b.spec.Dirs.Build, "work"), outside)
			b.run()
			b.wantResults("failure failure")
			b.wantNoRow("secret of the machine")
			b.wantNoRow("mapping") // what is wrong with the secret's own text
			b.wantNoRow("line 1")
		})
	}
}

func TestWithoutASourceOnlyTheWorkspacesActionsRun(t *testing.T) {
	b := withActions(t, `
		- uses: ./mine
		- {continue-on-error: true, uses: octo/a@v1}
		- uses: ./wrap
	`, `
		-- ./mine/action.yml --
		runs: {using: composite, steps: [{shell: bash, run: out mine}]}
		-- ./wrap/action.yml --
		runs: {using: composite, steps: [{uses: octo/b@v1}]}
	`)
	b.source = nil
	b.run()
	b.wantResults("success success failure")
	b.wantRow("mine")
	b.wantRow("##[error]", "octo/a@v1", "no store for actions")
	b.wantRow("##[error]", "octo/b@v1", "no store for actions")
}

func TestCheckoutUnderExec(t *testing.T) {
	const real = `
		-- actions/checkout@v4/action.yml --
		inputs: {repository: {default: "${{ github.repository }}"}, path: {}, ref: {}}
		runs: {using: node20, main: main.js, post: main.js}
		-- actions/checkout@v4/main.js --
		out really
	`
	tests := []struct {
		claim, step string
		mode        common.WorkspaceMode
		want        bool // the workspace is taken
	}{
		{"of the repository itself", "{uses: actions/checkout@v4}", common.WorkspaceCopy, true},
		{"in place", "{uses: actions/checkout@v4}", common.WorkspaceInPlace, true},
		{"with its own name", "{uses: actions/checkout@v4, with: {repository: probe/Demo, fetch-depth: 0}}", common.WorkspaceCopy, true},
		{"by expressions", `{uses: actions/checkout@v4, with: {repository: "${{ github.repository }}", ref: "${{ github.ref_name }}"}}`, common.WorkspaceCopy, true},
		{"at its own ref", "{uses: actions/checkout@v4, with: {ref: refs/heads/main}}", common.WorkspaceCopy, true},
		{"at its own commit", `{uses: actions/checkout@v4, with: {ref: "${{ github.sha }}", path: .}}`, common.WorkspaceCopy, true},
		{"of another repository", "{uses: actions/checkout@v4, with: {repository: probe/other}}", common.WorkspaceCopy, false},
		{"at another ref", "{uses: actions/checkout@v4, with: {ref: v1}}", common.WorkspaceCopy, false},
		{"elsewhere", "{uses: actions/checkout@v4, with: {path: sub}}", common.WorkspaceCopy, false},
		{"on a server", "{uses: actions/checkout@v4}", common.WorkspaceEmpty, false},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			list := dedent(strings.Replace("- STEP\n- {if: \"steps.c.outputs.commit == github.sha\", run: out told}\n", "STEP", strings.Replace(test.step, "{", "{id: c, ", 1), 1))
			b := withActions(t, list, real)
			b.spec.Workspace = common.Workspace{Mode: test.mode, Source: "/home/me/demo"}
			b.task.Context.Fields["ref_name"] = structpb.NewStringValue("main")
			b.run()
			b.wantResult(success)
			if test.want {
				b.wantRow("Nothing is fetched", "/home/me/demo")
				b.wantRow("told")
				if len(b.source.asked) > 0 {
					t.Errorf("asked for %q", b.source.asked)
				}
				return
			}
			b.wantRow("really")
			if got := b.parts("really"); got != "really, really" {
				t.Errorf("ran %s", got)
			}
		})
	}
	b := withActions(t, "- uses: ./wrap", `
		-- ./wrap/action.yml --
		runs: {using: composite, steps: [{uses: actions/checkout@v4}]}
	`)
	b.spec.Workspace = common.Workspace{Mode: common.WorkspaceCopy, Source: "/home/me/demo"}
	b.run()
	b.wantRow("Nothing is fetched")
}

func TestNamesOfActionsWithoutAnID(t *testing.T) {
	b := withActions(t, `
		- uses: octo/post@v1
		- uses: https://actions.example.org/octo/post@v1
		- uses: octo/wrap@v1
		- uses: ./
		- uses: ./a/b-c
		- {id: mine, uses: octo/post@v1}
	`, parted+`
		-- ./action.yml --
		runs: {using: composite, steps: [{shell: bash, run: out main of $GITHUB_ACTION}]}
		-- ./a/b-c/action.yml --
		runs: {using: composite, steps: [{id: inner, shell: bash, run: out main of $GITHUB_ACTION}]}
	`).run()
	b.wantResult(success)
	var got []string
	for i := range b.executor.commands {
		if name := environOf(b, i)["GITHUB_ACTION"]; len(got) == 0 || got[len(got)-1] != name {
			got = append(got, name)
		}
	}
	// The pre part of wrap, the steps, the post parts.
	const want = "__octo_wrap __octo_post __octo_post_2 __octo_wrap __self __a_b-c mine __octo_post_2 __octo_post __octo_wrap"
	if strings.Join(got, " ") != want {
		t.Errorf("names %q, want %s", got, want)
	}
}
