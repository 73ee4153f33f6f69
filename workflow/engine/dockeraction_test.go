package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/common"
)

func TestHowDockerActionsAreStarted(t *testing.T) {
	tests := []struct {
		claim, step, files string
		image, entrypoint  string
		args               []string
	}{
		{"an image", "uses: docker://alpine:3", "", "id-of-alpine:3", "", nil},
		{"with entrypoint and args", "{uses: docker://alpine, with: {entrypoint: /bin/sh, args: -c 'a b'}}", "", "id-of-alpine", "/bin/sh", []string{"-c", "'a", "b'"}},
		{"args in double quotes", `{uses: docker://alpine, with: {ARGS: ' "a b"  c\"d  e\\f "" "g""h" '}}`, "", "id-of-alpine", "", []string{"a b", `c"d`, `e\\f`, "", `g"h`}},
		{"args that end a line", "{uses: docker://alpine, with: {args: \"a b\\n\"}}", "", "id-of-alpine", "", []string{"a", "b"}},
		{"args of an expression", "{uses: docker://alpine, with: {args: '${{ vars.MYVAR }} x'}}", "", "id-of-alpine", "", []string{"v1", "x"}},
		{"an image in a manifest", "uses: octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: docker, image: 'docker://tool:1'}\n", "id-of-tool:1", "", nil},
		{"with entrypoint and args of its own", "{uses: octo/a@v1, with: {entryPoint: no, args: no, who: a b}}",
			"-- octo/a@v1/action.yml --\ninputs: {who: {}, other: {default: c d}}\nruns: {using: docker, image: 'docker://tool:1', entrypoint: /e, args: ['${{ inputs.who }}', '', '${{ inputs.other }}!', 'q\"q', \"${{ inputs.none }}\"]}\n",
			"id-of-tool:1", "/e", []string{"a b", "", "c d!", `q"q`, ""}},
		{"with those of the step when it has none", "{uses: octo/a@v1, with: {entryPoint: /x, args: y z}}", "-- octo/a@v1/action.yml --\nruns: {using: docker, image: 'docker://tool:1'}\n", "id-of-tool:1", "/x", []string{"y", "z"}},
		{"a list of no args", "{uses: octo/a@v1, with: {args: no}}", "-- octo/a@v1/action.yml --\nruns: {using: docker, image: 'docker://tool:1', args: []}\n", "id-of-tool:1", "", nil},
		{"a Dockerfile", "uses: octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: docker, image: Dockerfile}\n-- octo/a@v1/Dockerfile --\nFROM x\n", "id-of-built-of-a@v1-Dockerfile", "", nil},
		{"one below", "uses: octo/a/sub@v1", "-- octo/a@v1/sub/action.yml --\nruns: {using: docker, image: ../docker/My.Dockerfile}\n-- octo/a@v1/docker/My.Dockerfile --\nFROM x\n", "id-of-built-of-docker-My.Dockerfile", "", nil},
		{"a Dockerfile without a manifest", "{uses: octo/a@v1, with: {entrypoint: /x, args: y}}", "-- octo/a@v1/Dockerfile --\nFROM x\n", "id-of-built-of-a@v1-Dockerfile", "/x", []string{"y"}},
		{"a Dockerfile of the workspace", "uses: ./act", "-- ./act/action.yml --\nruns: {using: docker, image: Dockerfile, args: [x]}\n-- ./act/Dockerfile --\nFROM x\n", "id-of-built-of-act-Dockerfile", "", []string{"x"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, "- "+test.step, test.files)
			f := b.contained()
			f.programs[test.image], f.programs[test.entrypoint] = "out ran", "out ran"
			b.run()
			b.wantResult(success)
			b.wantRow("ran")
			if len(f.runs) != 1 {
				t.Fatalf("%d containers ran", len(f.runs))
			}
			got := f.runs[0]
			if got.Image != test.image || got.Entrypoint != test.entrypoint || !slices.Equal(got.Args, test.args) || (got.Args == nil) != (test.args == nil) {
				t.Errorf("it runs %q %q %q\nwant    %q %q %q", got.Image, got.Entrypoint, got.Args, test.image, test.entrypoint, test.args)
			}
		})
	}
}

func TestPartsOfADockerAction(t *testing.T) {
	const files = `
		-- octo/a@v1/action.yml --
		inputs: {who: {default: me}}
		runs:
		  using: docker
		  image: docker://tool
		  pre-entrypoint: /pre
		  pre-if: runner.os == 'Linux'
		  entrypoint: /main
		  post-entrypoint: /post
		  post-if: failure()
		  args: ["${{ inputs.who }}"]
	`
	b := withActions(t, "- {uses: octo/a@v1, with: {who: first}}\n- {uses: octo/a@v1}\n- run: exit 1", files)
	f := b.contained()
	f.programs["/pre"], f.programs["/main"], f.programs["/post"] = "out ::save-state name=s::of $INPUT_WHO\nout pre", "out main $STATE_s", "out post $STATE_s"
	b.run()
	b.wantResults("success success failure")
	var ran []string
	for _, r := range f.runs {
		ran = append(ran, r.Entrypoint+" "+strings.Join(r.Args, " "))
	}
	if got, want := strings.Join(ran, ", "), "/pre first, /pre me, /main first, /main me, /post me, /post first"; got != want {
		t.Errorf("ran %s\nwant %s", got, want)
	}
	b.wantRows(0, "main of first")
	b.wantRow("post of me")
	b.wantRow("post of first")

	b = withActions(t, "- {if: false, uses: octo/a@v1}\n- {uses: octo/a@v1}", strings.Replace(files, "'Linux'", "'None'", 1))
	f = b.contained()
	f.programs["/main"], f.programs["/post"] = "out main", "out post"
	b.run()
	b.wantResults("skipped success")
	if len(f.runs) != 1 || f.runs[0].Entrypoint != "/main" {
		t.Errorf("ran %+v", f.runs)
	}
}

func TestTheEnvironmentOfADockerAction(t *testing.T) {
	b := withActions(t, `
		- {run: 'file GITHUB_ENV "WRITTEN=env\n"'}
		- {run: 'file GITHUB_PATH "/w/bin\n"'}
		- uses: octo/a@v1
		  with: {some input: v}
		  env: {STEP: step, OURS: of the step, HOME: /elsewhere, GITHUB_SHA: forged}
	`, `
		-- octo/a@v1/action.yml --
		inputs: {some input: {}}
		runs:
		  using: docker
		  image: docker://tool
		  env: {MINE: "a ${{ inputs['some input'] }}", OURS: of the manifest, WRITTEN: of the manifest, OPERATORS: of the manifest}
	`)
	b.spec.Environment = []string{"OPERATORS=all jobs", "PLAIN=all jobs", "PATH=/opt/bin"}
	b.executor.baseEnv = []string{"PATH=/opt/bin", "HOME=/job/home", "LANG=C", "HTTPS_PROXY=http://proxy", "no_proxy=localhost", "OPERATORS=all jobs", "PLAIN=all jobs"}
	f := b.contained()
	f.programs["id-of-tool"] = "out $GITHUB_WORKSPACE $RUNNER_TEMP $GITHUB_OUTPUT $GITHUB_EVENT_PATH"
	b.run()
	b.wantResult(success)
	env := envOf(t, f.runs[0].Env)
	wantEnv(t, env, map[string]string{
		"STEP": "step", "MINE": "a v", "OURS": "of the step", "WRITTEN": "env", "OPERATORS": "of the manifest", "PLAIN": "all jobs",
		"INPUT_SOME_INPUT": "v", "HTTPS_PROXY": "http://proxy", "no_proxy": "localhost", "HOME": "/job/home", "CI": "true",
		"GITHUB_SHA": "2021f9", "GITHUB_ACTIONS": "true", "GITHUB_ACTION": "__octo_a", "GITHUB_ACTION_REPOSITORY": "octo/a", "GITHUB_ACTION_REF": "v1",
		"RUNNER_OS": "Linux", "ACTIONS_RUNTIME_TOKEN": "runtime-token-0001", "ACTIONS_RUNTIME_URL": "https://git.example.org/api/actions_pipeline/",
	})
	for _, name := range []string{"PATH", "LANG"} {
		if value, ok := env[name]; ok {
			t.Errorf("the machine's %s is handed on: %q", name, value)
		}
	}
	rows := b.stepRows(2)
	if last := rows[len(rows)-1]; !strings.HasPrefix(last, "/github/workspace /github/runner_temp /github/file_commands/set_output_") || !strings.HasSuffix(last, " /github/workflow/event.json") {
		t.Errorf("it sees the paths %s", last)
	}

	b = withActions(t, "- {uses: docker://tool, env: {PATH: /mine}}", "-- ./x --\n")
	f = b.contained()
	b.run()
	wantEnv(t, envOf(t, f.runs[0].Env), map[string]string{"PATH": "/mine"})
}

func TestTheOutputOfADockerAction(t *testing.T) {
	b := withActions(t, `
		- id: a
		  uses: docker://tool
		- run: out ${{ steps.a.outputs.x }} ${{ steps.a.outputs.y }} $WRITTEN $PATH
	`, `
		-- ./m.json --
		{"problemMatcher": [{"owner": "m", "pattern": [{"regexp": "^in (.*)$", "file": 1}, {"regexp": "^BAD: (.*)$", "message": 1}]}]}
	`)
	f := b.contained()
	f.programs["id-of-tool"] = strings.Join([]string{
		"out ::set-output name=x::1",
		`file GITHUB_OUTPUT "y=2\n"`,
		`file GITHUB_ENV "WRITTEN=3\n"`,
		`file GITHUB_PATH "/github/workspace/bin\n/opt/x\n"`,
		"out ::add-mask::hidden-value",
		"err this is hidden-value",
		"out ::error file=/github/workspace/src/a.go,line=3::boom",
		"out ::notice file=/etc/passwd::outside",
		"out ::add-matcher::/github/workspace/m.json",
		"out in /github/workspace/src/b.go", "out BAD: thing",
	}, "\n")
	b.run()
	b.wantResult(success)
	b.wantRows(0, "this is ***", "##[error]src/a.go:3: boom", "##[notice]/etc/passwd: outside", "in /github/workspace/src/b.go", "##[error]src/b.go: BAD: thing")
	b.wantRows(1, "1 2 3 /opt/x:/job/work/demo/bin:/usr/bin:/bin")
}

func TestADockerActionThatFails(t *testing.T) {
	b := withActions(t, "- uses: docker://tool\n- {if: failure(), uses: docker://tool, with: {args: signal killed}}", "-- ./x --\n")
	f := b.contained()
	f.programs["id-of-tool"] = "out x\nexit 3"
	b.run()
	b.wantResults("failure failure")
	b.wantRows(0, "x", "##[error]Docker run failed with exit code 3.")

	b = withActions(t, "- {uses: docker://tool, with: {args: signal killed}}", "-- ./x --\n")
	b.contained()
	b.run()
	b.wantRows(0, "##[error]The process was ended by a signal: killed.")

	b = withActions(t, "- uses: docker://tool", "-- ./x --\n")
	b.contained()
	b.executor.failures = map[string]error{"RunContainer": errors.New("the engine has gone away")}
	b.run()
	b.wantRows(0, "##[error]the engine has gone away")

	for key, row := range map[string]string{
		"args: ['${{ github.sha }}']":  "##[error]octo/a@v1: action.yml:1: runs.args[0]: ",
		"env: {A: '${{ secrets.X }}'}": "##[error]octo/a@v1: action.yml:1: runs.env.A: ",
	} {
		b = withActions(t, "- uses: octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: docker, image: 'docker://tool', "+key+"}\n")
		b.contained()
		b.run()
		b.wantResults("failure")
		b.wantRow(row)
	}
}

func TestADockerActionIsStopped(t *testing.T) {
	tests := []struct {
		claim, step string
		stop        common.StopReason
		want        result
		row         string
	}{
		{"its timeout", "{uses: docker://tool, timeout-minutes: 1, with: {args: sleep 1h}}", "", failure, "has timed out after 1 minutes"},
		{"cancelled", "{uses: docker://tool, with: {args: sleep 1h}}", common.StopServer, cancelled, "The operation was cancelled."},
		{"killed", "{uses: docker://tool, with: {args: sleep 1h}}", common.StopKill, failure, "killed"},
		{"cancelled, and it goes on", "{uses: docker://tool, if: always(), with: {args: sleep 3m ; out done}}", common.StopServer, success, "done"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := withActions(t, "- "+test.step, "-- ./x --\n")
				f := b.contained()
				if test.stop != "" {
					b.stopAfter(2*time.Minute, test.stop)
				}
				b.run()
				b.wantResults(string(test.want))
				b.wantRow(test.row)
				if f.runs[0].Kill == nil {
					t.Error("it cannot be killed while it ends")
				}
			})
		})
	}
}

func TestImagesAreReadyBeforeTheFirstStep(t *testing.T) {
	b := withActions(t, `
		- run: out x
		- uses: docker://tool:1
		- uses: docker://tool:1
		- uses: octo/a@v1
		- uses: octo/a@v1
		- uses: octo/outer@v1
	`, `
		-- octo/a@v1/action.yml --
		runs: {using: docker, image: Dockerfile}
		-- octo/a@v1/Dockerfile --
		FROM x
		-- octo/outer@v1/action.yml --
		runs: {using: composite, steps: [{uses: 'docker://tool:2'}, {uses: octo/a@v1}, {uses: octo/b@v1}]}
		-- octo/b@v1/action.yml --
		runs: {using: docker, image: 'docker://tool:1', args: [out, b, $GITHUB_ACTION_PATH]}
	`)
	f := b.contained()
	b.run()
	b.wantResult(success)
	var got []string
	for _, image := range f.images {
		got = append(got, image.Image+image.Dockerfile)
	}
	slices.Sort(got)
	if text := strings.Join(got, " "); text != "Dockerfile tool:1 tool:2" {
		t.Errorf("images: %s", text)
	}
	if len(f.runs) != 7 {
		t.Errorf("%d containers ran", len(f.runs))
	}
	for i, row := range b.trace.rows {
		if strings.HasPrefix(row, "getting") && int64(i) >= b.trace.end.GetSteps()[0].GetLogIndex() {
			t.Errorf("row %d is within the steps: %s", i, row)
		}
	}
	at := slices.Index(b.trace.rows, "##[group]Image tool:1")
	if want := []string{"##[group]Image tool:1", "getting tool:1", "got tool:1", "##[endgroup]"}; at < 0 || !slices.Equal(b.trace.rows[at:at+4], want) {
		t.Errorf("no rows %q in:\n%s", want, b.text())
	}
	b.wantRow("##[group]Image of the action octo/a@v1, built from its Dockerfile")
}

func TestImagesOfWhatTheWorkspaceUses(t *testing.T) {
	b := withActions(t, "- uses: docker://tool:1\n- uses: ./outer\n- uses: ./act\n- {uses: ./act, continue-on-error: true}", `
		-- ./outer/action.yml --
		runs: {using: composite, steps: [{uses: 'docker://tool:2'}, {uses: 'docker://tool:1'}, {uses: octo/a@v1}, {uses: ./act}]}
		-- ./act/action.yml --
		runs: {using: docker, image: Dockerfile, pre-entrypoint: /x}
		-- ./act/Dockerfile --
		FROM x
		-- octo/a@v1/action.yml --
		runs: {using: docker, image: 'docker://tool:3', post-entrypoint: /post}
	`)
	f := b.contained()
	f.programs["/post"] = "out posted"
	b.run()
	b.wantResult(success)
	b.wantRow("posted")
	b.wantRow("##[warning]The pre part of the action ./act is not run")
	var got []string
	for _, image := range f.images {
		got = append(got, image.Image+image.Dockerfile)
		if image.Dir != "" && (image.Root != b.spec.Dirs.Build || !strings.HasPrefix(image.Dir, image.Root+"/work/")) {
			t.Errorf("built from %s in %s", image.Dir, image.Root)
		}
	}
	slices.Sort(got[1:3])
	if text := strings.Join(got, " "); text != "tool:1 tool:2 tool:3 Dockerfile Dockerfile Dockerfile" {
		t.Errorf("images: %s", text)
	}
}

func TestManyImagesAreGotTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := ""
		for i := range 10 {
			list += fmt.Sprintf("- uses: docker://tool:%d\n", i)
		}
		b := newBench(t, steps(list))
		f := b.contained()
		f.pull = slowly(time.Minute)
		begun := time.Now()
		b.run()
		b.wantResult(success)
		if f.most != maxImages || time.Since(begun) != 3*time.Minute {
			t.Errorf("%d at once, in %s", f.most, time.Since(begun))
		}
		var order []string
		for _, row := range b.trace.rows {
			if name, ok := strings.CutPrefix(row, "got tool:"); ok {
				order = append(order, name)
			}
		}
		if got := strings.Join(order, ""); got != "0123456789" {
			t.Errorf("they are shown in the order %s", got)
		}
	})
}

func TestAnImageThatIsNotToBeHadFailsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, steps("- run: out x\n- uses: docker://slow\n- {if: false, uses: 'docker://missing:1'}"))
		f := b.contained()
		f.pull = func(ctx context.Context, name string) error {
			if name == "missing:1" {
				return nil
			}
			return slowly(time.Hour)(ctx, name)
		}
		begun := time.Now()
		b.run()
		b.wantResults("skipped skipped skipped")
		b.wantRow("##[error]action docker://missing:1: there is no image for it: there is no missing:1")
		if time.Since(begun) > time.Minute {
			t.Error("the others were waited for")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, steps("- uses: docker://slow"))
		b.contained().pull = slowly(time.Hour)
		b.stopAfter(time.Minute, common.StopServer)
		b.run()
		b.wantResult(cancelled)
		b.wantNoRow("there is no image")
	})

	b := withActions(t, "- uses: octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: docker, image: Dockerfile}\n")
	b.contained()
	b.run()
	b.wantResults("skipped")
	b.wantRow("##[error]", "octo/a@v1", "runs.image", "Dockerfile")
}

func TestAnImageOfTheWorkspaceThatIsNotToBeHadFailsItsStep(t *testing.T) {
	b := withActions(t, "- {uses: ./act, continue-on-error: true}\n- uses: ./other", `
		-- ./act/action.yml --
		runs: {using: docker, image: 'docker://missing', post-entrypoint: /post}
		-- ./other/action.yml --
		runs: {using: docker, image: Dockerfile}
	`)
	f := b.contained()
	b.run()
	b.wantResults("success failure")
	b.wantRow("##[error]Step 1 (Run ./act): action ./act: there is no image for it: there is no missing")
	b.wantRow("##[error]Step 2 (Run ./other): action ./other: runs.image: ")
	if len(f.runs) > 0 {
		t.Errorf("ran %+v", f.runs)
	}
}

func TestWhatAPullSaysCountsAsOutput(t *testing.T) {
	b := newBench(t, steps("- uses: docker://tool"))
	b.spec.OutputLimit = 10
	b.contained()
	b.run()
	b.wantResult(success)
	b.wantRow("output limit")
	b.wantNoRow("got tool")
}
