package engine

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/common"
)

// withActions makes a bench of steps and the files of their actions.
func withActions(t testing.TB, list, files string) *bench {
	t.Helper()
	return newBench(t, steps(list)).lay(files)
}

const helloAction = `
	-- octo/hello@v1/action.yml --
	name: Hello
	inputs:
	  who to greet: {description: x, default: "everybody in ${{ github.repository }}"}
	  some.thing-else: {required: true}
	  old: {deprecationMessage: use new}
	runs: {using: node20, main: dist/main.js}
	-- octo/hello@v1/dist/main.js --
	out hello $INPUT_WHO_TO_GREET
	file GITHUB_OUTPUT "greeted=yes\n"
`

func TestANodeActionRuns(t *testing.T) {
	b := withActions(t, `
		- id: greet
		  uses: octo/hello@v1
		  env: {MINE: "1"}
		- run: out ${{ steps.greet.outputs.greeted }} ${{ steps.greet.outcome }}
	`, helloAction).run()
	b.wantResult(success)
	b.wantRows(0, "hello everybody in probe/demo")
	b.wantRows(1, "yes success")
	b.wantRow("fetching https://actions.example.org/octo/hello@v1")
	b.wantRow("Download action repository 'octo/hello@v1' (SHA:c0ffee-of-v1)")
	cmd := b.executor.commands[0]
	if cmd.Path != "/usr/bin/node" || !strings.HasSuffix(strings.Join(cmd.Args, " "), "/octo/hello@v1/dist/main.js") || cmd.Dir != "" {
		t.Errorf("it runs as %s %q in %q", cmd.Path, cmd.Args, cmd.Dir)
	}
	wantEnv(t, environOf(b, 0), map[string]string{
		"INPUT_WHO_TO_GREET": "everybody in probe/demo", "INPUT_SOME.THING-ELSE": "", "INPUT_OLD": "", "MINE": "1",
		"GITHUB_ACTION": "greet", "GITHUB_ACTION_REPOSITORY": "octo/hello", "GITHUB_ACTION_REF": "v1",
	})
	s := b.trace.end.GetSteps()[0]
	rows := b.trace.rows[s.GetLogIndex():]
	want := []string{"##[group]Run octo/hello@v1", "with:", "  who to greet: everybody in probe/demo", "env:", "  MINE: 1", "##[endgroup]"}
	if got := rows[:len(want)]; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("header:\n%s", strings.Join(got, "\n"))
	}
}

func TestInputsOfActions(t *testing.T) {
	const files = helloAction + `
		-- octo/bad@v1/action.yml --
		inputs: {a: {default: "${{ secrets.MYSECRET }}"}}
		runs: {using: node20, main: main.js}
		-- octo/bad@v1/main.js --
		out x
		-- octo/defaults@v1/action.yml --
		inputs:
		  a: {default: "${{ runner.os }} ${{ job.status }} ${{ toJSON(strategy.fail-fast) }} ${{ toJSON(matrix) }} [${{ hashFiles('none') }}]"}
		  b: {default: true}
		  c: {default: 1.10}
		  d: {default: "${{ github.token == '' }}"}
		runs: {using: node20, main: main.js}
		-- octo/defaults@v1/main.js --
		out $INPUT_A $INPUT_B $INPUT_C $INPUT_D
	`
	tests := []struct {
		claim, with string
		env         map[string]string
		warning     string // "" for none
	}{
		{"names ignore case, and given ones win", "{WHO TO GREET: me}", map[string]string{"INPUT_WHO_TO_GREET": "me"}, ""},
		{"an empty one is given", `{who to greet: ""}`, map[string]string{"INPUT_WHO_TO_GREET": ""}, ""},
		{"hyphens and dots stay", "{some.thing-else: x}", map[string]string{"INPUT_SOME.THING-ELSE": "x"}, ""},
		{"expressions see the step's contexts", `{old: "${{ secrets.MYSECRET == 's3cr3t-value' }} ${{ env.E }}"}`, map[string]string{"INPUT_OLD": "true e"}, "Input 'old' has been deprecated with message: use new"},
		{"unexpected ones are told and handed over", "{other: 1, more: 2}", map[string]string{"INPUT_OTHER": "1", "INPUT_MORE": "2"},
			"Unexpected input(s) 'other', 'more', valid inputs are ['who to greet', 'some.thing-else', 'old']"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, "- {uses: octo/hello@v1, env: {E: e}, with: "+test.with+"}", files).run()
			b.wantResult(success)
			wantEnv(t, environOf(b, 0), test.env)
			if n := strings.Count(b.text(), "##[warning]"); test.warning == "" && n > 0 || test.warning != "" && n != 1 {
				t.Errorf("%d warnings in:\n%s", n, b.text())
			}
			if test.warning != "" {
				b.wantRow("##[warning]" + test.warning)
			}
		})
	}
	b := withActions(t, "- uses: octo/defaults@v1", files).run()
	b.wantRows(0, "Linux success true null [] true 1.10 false")
	b = withActions(t, "- {uses: octo/bad@v1}\n- {if: failure(), uses: octo/bad@v1, with: {a: given}}", files).run()
	b.wantResults("failure success")
	b.wantRow("##[error]octo/bad@v1: action.yml:1: inputs.a.default: ", "secrets")
}

func TestVersionsOfNode(t *testing.T) {
	type nodes = map[string]string
	tests := []struct {
		claim, using string
		nodes        nodes
		want         string // path, or text of the error
	}{
		{"the one that is asked for", "node20", nodes{"/usr/bin/node": "v20.1.0"}, "/usr/bin/node"},
		{"a newer one serves", "node20", nodes{"/usr/bin/node": "v24.0.0"}, "/usr/bin/node"},
		{"also very old actions", "node12", nodes{"/usr/bin/node": "v20.1.0"}, "/usr/bin/node"},
		{"and those on 16", "node16", nodes{"/usr/bin/node": "v22.1.0"}, "/usr/bin/node"},
		{"an older one does not", "node24", nodes{"/usr/bin/node": "v20.1.0"}, "(node24) needs node 24 or newer, but /usr/bin/node is 20.1.0"},
		{"one with its version in its name", "node24", nodes{"/usr/bin/node": "v20.1.0", "/bin/node24": "v24.2.0"}, "/bin/node24"},
		{"the machine's before the workflow's", "node20", nodes{"/usr/bin/node": "v20.1.0", "/w/node": "v22.0.0"}, "/usr/bin/node"},
		{"the workflow's when the machine's is too old", "node20", nodes{"/usr/bin/node": "v18.1.0", "/w/node": "v22.0.0"}, "/w/node"},
		{"or there is none", "node20", nodes{"/w/node": "v22.0.0"}, "/w/node"},
		{"none", "node20", nodes{}, "needs node 20 or newer, and there is none on the PATH of the job (/w:/usr/bin:/bin)"},
		{"one that is none", "node20", nodes{"/usr/bin/node": "hello"}, `does not tell a version (6 bytes of output)`},
		{"case of using", "NODE20", nodes{"/usr/bin/node": "v20.1.0"}, "/usr/bin/node"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, "- {run: 'file GITHUB_PATH \"/w\\n\"'}\n- uses: octo/a@v1\n- {if: success(), uses: octo/a@v1}", `
				-- octo/a@v1/action.yml --
				runs: {using: `+test.using+`, main: main.js}
				-- octo/a@v1/main.js --
				out x
			`)
			b.executor.nodes = test.nodes
			b.run()
			if !strings.HasPrefix(test.want, "/") {
				b.wantResults("success failure skipped")
				b.wantRow("##[error]", "octo/a@v1", test.want)
				return
			}
			b.wantResult(success)
			if got := b.executor.commands[1].Path; got != test.want {
				t.Errorf("it runs on %s, want %s", got, test.want)
			}
		})
	}
}

func TestManifestsThatCannotBeUsedFailTheJobBeforeItsFirstStep(t *testing.T) {
	tests := []struct{ claim, files, row string }{
		{"no manifest", "-- octo/a@v1/README --\nx\n", "no action.yml"},
		{"an unknown using", "-- octo/a@v1/action.yml --\nruns: {using: node18, main: x.js}\n", `"node18"`},
		{"no using", "-- octo/a@v1/action.yml --\nruns: {main: x.js}\n", "using"},
		{"no runs", "-- octo/a@v1/action.yml --\nname: x\n", "runs"},
		{"no main", "-- octo/a@v1/action.yml --\nruns: {using: node20}\n", "main"},
		{"a file outside", "-- octo/a@v1/action.yml --\nruns: {using: node20, main: ../../x.js}\n", "leads out"},
		{"a composite run without a shell", "-- octo/a@v1/action.yml --\nruns: {using: composite, steps: [{run: x}]}\n", "shell"},
		{"not YAML", "-- octo/a@v1/action.yml --\nruns: [\n", "action.yml"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, "- run: out x\n- {if: false, uses: octo/a@v1}", test.files).run()
			b.wantResult(failure)
			b.wantResults("skipped skipped")
			b.wantRow("##[error]", "octo/a@v1", test.row)
		})
	}
}

func TestWhereManifestsAreLookedFor(t *testing.T) {
	const main = "\n-- octo/a@v1/sub/main.js --\nout sub\n-- octo/a@v1/main.js --\nout top\n"
	tests := []struct{ claim, uses, files, want string }{
		{"action.yml", "octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: node20, main: main.js}" + main, "top"},
		{"action.yaml", "octo/a@v1", "-- octo/a@v1/action.yaml --\nruns: {using: node20, main: main.js}" + main, "top"},
		{"action.yml before action.yaml", "octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: node20, main: main.js}\n-- octo/a@v1/action.yaml --\nruns: {using: node20, main: other.js}" + main, "top"},
		{"below a path", "octo/a/sub@v1", "-- octo/a@v1/sub/action.yml --\nruns: {using: node20, main: main.js}" + main, "sub"},
		{"with a file beside it", "octo/a/sub@v1", "-- octo/a@v1/sub/action.yml --\nruns: {using: node20, main: ../main.js}" + main, "top"},
		{"at a URL of its own", "https://actions.example.org/octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: node20, main: main.js}" + main, "top"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := withActions(t, "- uses: "+test.uses, test.files).run()
			b.wantResult(success)
			b.wantRows(0, test.want)
		})
	}
}

func TestActionsThatNeedAnEngineSaySo(t *testing.T) {
	b := withActions(t, `
		- uses: docker://alpine:3
		  continue-on-error: true
		- uses: octo/image@v1
		  with: {args: x, unknown: y}
		  continue-on-error: true
		- uses: octo/file@v1
		- run: out x
	`, `
		-- octo/image@v1/action.yml --
		runs: {using: docker, image: 'docker://alpine'}
		-- octo/file@v1/Dockerfile --
		FROM scratch
	`).run()
	b.wantResults("success success failure skipped")
	for _, name := range []string{"docker://alpine:3", "octo/image@v1", "octo/file@v1"} {
		b.wantRow("##[error]", name, "fake executor", "no container engine")
	}
	b.wantRow("##[warning]Unexpected input(s) 'unknown', valid inputs are ['entryPoint', 'args']")
}

func TestUsesThatCannotBeReadFailsTheJob(t *testing.T) {
	for uses, row := range map[string]string{
		"octo/a":                "@ref",
		"octo@v1":               "repository",
		"'octo/a@${{ env.X }}'": "expressions",
		"./../x":                "workspace",
	} {
		b := withActions(t, "- run: out x\n- uses: "+uses, "").run()
		b.wantResult(failure)
		b.wantResults("skipped skipped")
		b.wantRow("##[error]", "step 2", row)
	}
}

func TestAnActionThatWasNotBuilt(t *testing.T) {
	b := withActions(t, "- uses: octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: node20, main: dist/index.js}\n").run()
	b.wantResults("failure")
	b.wantRow("##[error]", "octo/a@v1", "dist/index.js", "built")
}

func TestAnActionThatFails(t *testing.T) {
	b := withActions(t, "- uses: octo/a@v1", "-- octo/a@v1/action.yml --\nruns: {using: node20, main: x.js}\n-- octo/a@v1/x.js --\nout ::error::boom\nexit 1\n").run()
	b.wantResults("failure")
	b.wantRows(0, "##[error]boom", "##[error]Process completed with exit code 1.")
}

// A workflow sets them for the node of its project.
func TestActionsHaveNoICUDataOfTheWorkflow(t *testing.T) {
	for operators, want := range map[string]string{"": "(unset)", "NODE_ICU_DATA=/usr/share/icu": "/usr/share/icu"} {
		b := withActions(t, `
			- {uses: octo/icu@v1, env: {NODE_ICU_DATA: node_modules/full-icu, NODE_OPTIONS: --no-warnings}}
			- {run: 'file GITHUB_ENV "NODE_ICU_DATA=later\n"'}
			- uses: octo/icu@v1
			- run: out run $NODE_ICU_DATA
		`, `
			-- octo/icu@v1/action.yml --
			runs: {using: node20, main: main.js}
			-- octo/icu@v1/main.js --
			out node $NODE_ICU_DATA $NODE_OPTIONS
		`)
		if operators != "" {
			b.executor.baseEnv = append(b.executor.baseEnv, operators)
		}
		b.run()
		b.wantResult(success)
		b.wantRows(0, "node "+want+" --no-warnings")
		b.wantRows(2, "node "+want+" (unset)")
		b.wantRows(3, "run later")
	}
}

func TestServicesForActions(t *testing.T) {
	const list = "- uses: octo/a@v1\n- run: out $ACTIONS_RUNTIME_URL $ACTIONS_RUNTIME_TOKEN $ACTIONS_RESULTS_URL $ACTIONS_CACHE_URL"
	const files = `
		-- octo/a@v1/action.yml --
		runs: {using: node20, main: main.js}
		-- octo/a@v1/main.js --
		out $ACTIONS_RUNTIME_URL $ACTIONS_RUNTIME_TOKEN $ACTIONS_RESULTS_URL $ACTIONS_CACHE_URL $ACTIONS_CACHE_SERVICE_V2 $ACTIONS_ID_TOKEN_REQUEST_URL
	`
	b := withActions(t, list, files)
	b.task.Context.Fields["actions_id_token_request_url"] = structpb.NewStringValue("https://id.example.org")
	b.run()
	b.wantRows(0, "https://git.example.org/api/actions_pipeline/ *** https://git.example.org (unset) (unset) https://id.example.org")
	b.wantRows(1, "(unset) (unset) (unset) (unset)")
	wantEnv(t, environOf(b, 0), map[string]string{"ACTIONS_RUNTIME_TOKEN": "runtime-token-0001"})

	b = withActions(t, list, files)
	delete(b.task.Context.Fields, "gitea_runtime_token")
	b.run()
	wantEnv(t, environOf(b, 0), map[string]string{"ACTIONS_RUNTIME_TOKEN": "task-token-0001"})

	b = withActions(t, list, files)
	b.spec.Workspace.Mode = common.WorkspaceCopy
	b.run()
	b.wantRows(0, "(unset) (unset) (unset) (unset) (unset) (unset)")
}

func TestActionsAreFetchedOnceAndBeforeTheFirstStep(t *testing.T) {
	b := withActions(t, `
		- run: out x
		- uses: octo/outer@v1
		- uses: octo/leaf/sub@v1
		- uses: octo/leaf@v2
		- uses: octo/outer@v1
	`, `
		-- octo/outer@v1/action.yml --
		runs: {using: composite, steps: [{uses: octo/leaf@v1}, {uses: octo/inner@v1}, {uses: octo/leaf@v2}]}
		-- octo/inner@v1/action.yml --
		runs: {using: composite, steps: [{uses: octo/deep@v1}, {uses: octo/leaf/sub@v1}]}
		-- octo/leaf@v1/action.yml --
		runs: {using: node20, main: main.js}
		-- octo/leaf@v1/main.js --
		out leaf
		-- octo/leaf@v1/sub/action.yml --
		runs: {using: node20, main: ../main.js}
		-- octo/leaf@v2/action.yml --
		runs: {using: node20, main: main.js}
		-- octo/leaf@v2/main.js --
		out leaf 2
		-- octo/deep@v1/action.yml --
		runs: {using: node20, main: main.js}
		-- octo/deep@v1/main.js --
		out deep
	`).run()
	b.wantResult(success)
	const url = "https://actions.example.org/octo/"
	want := []string{url + "outer@v1 " + url + "leaf@v1 " + url + "leaf@v2", url + "inner@v1", url + "deep@v1"}
	if got := b.source.asked; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, row := range b.trace.rows {
		if strings.HasPrefix(row, "Download action repository") && int64(i) >= b.trace.end.GetSteps()[0].GetLogIndex() {
			t.Errorf("row %d is within the steps: %s", i, row)
		}
	}
	var leaf []string
	for _, row := range b.stepRows(1) {
		if strings.HasPrefix(row, "leaf") || row == "deep" {
			leaf = append(leaf, row)
		}
	}
	if got := strings.Join(leaf, ", "); got != "leaf, deep, leaf, leaf 2" {
		t.Errorf("the first use ran %s", got)
	}
}

// The server may be below a path of its host, and have another name for itself
// than the one it is registered under.
func TestActionsOfAServerBelowAPath(t *testing.T) {
	for claim, tc := range map[string]struct{ registered, itself, uses, want string }{
		"as registered":        {"https://host/gitea", "https://host/gitea/", "https://host/gitea/octo/repo/sub@v1", "https://host/gitea/octo/repo@v1"},
		"as it calls itself":   {"http://gitea:3000", "https://host/git/gitea/", "https://HOST/git/gitea/octo/repo/sub@v1", "https://host/git/gitea/octo/repo@v1"},
		"as the other names":   {"https://host/gitea", "https://public/git/", "https://host/gitea/octo/repo/sub@v1", "https://host/gitea/octo/repo@v1"},
		"without a URL":        {"https://host/gitea", "https://host/gitea/", "octo/repo/sub@v1", "https://actions.example.org/octo/repo@v1"},
		"of another server":    {"https://host/gitea", "https://host/gitea/", "https://other/octo/repo/sub@v1", "https://other/octo/repo@v1"},
		"beside it":            {"https://host/gitea", "https://host/gitea/", "https://host/octo/repo/sub@v1", "https://host/octo/repo@v1"},
		"it is not below one":  {"https://host", "https://host/", "https://host/octo/repo/sub@v1", "https://host/octo/repo@v1"},
		"within a composite":   {"https://host/gitea", "https://host/gitea/", "./wrap", "https://host/gitea/octo/repo@v1"},
		"without encryption":   {"https://host/gitea", "https://host/gitea/", "http://host/octo/repo/sub@v1", "http://host/octo/repo@v1"},
		"a server that is odd": {"https://host/gitea", "::", "https://host/gitea/octo/repo/sub@v1", "https://host/gitea/octo/repo@v1"},
	} {
		t.Run(claim, func(t *testing.T) {
			b := withActions(t, "- uses: "+tc.uses, `
				-- octo/repo@v1/sub/action.yml --
				runs: {using: node20, main: main.js}
				-- octo/repo@v1/sub/main.js --
				out $GITHUB_ACTION of $GITHUB_ACTION_REPOSITORY
				-- ./wrap/action.yml --
				runs: {using: composite, steps: [{uses: https://host/gitea/octo/repo/sub@v1}]}
			`)
			b.spec.URL = tc.registered
			b.task.Context.Fields["server_url"] = structpb.NewStringValue(tc.itself)
			b.source.known[tc.want] = b.source.known["https://actions.example.org/octo/repo@v1"]
			b.run()
			b.wantResult(success)
			if got := strings.Join(b.source.asked, " "); got != tc.want {
				t.Errorf("asked %s, want %s", got, tc.want)
			}
			if name := "__octo_repo_sub"; claim == "within a composite" {
				b.wantRow("__wrap of octo/repo")
			} else {
				b.wantRow(name + " of octo/repo")
			}
		})
	}
}

func TestActionsThatCannotBeFetchedFailTheJob(t *testing.T) {
	b := withActions(t, "- run: out x\n- uses: octo/none@v1", "-- ./x --\n").run()
	b.wantResult(failure)
	b.wantResults("skipped skipped")
	b.wantRow("##[error]", "cannot be fetched", "https://actions.example.org/octo/none@v1")

	b = withActions(t, "- uses: octo/none@v1", "-- ./x --\n")
	delete(b.task.Context.Fields, "gitea_default_actions_url")
	b.run()
	b.wantRow("##[error]", "octo/none@v1", "does not say where actions are fetched from")

	b = withActions(t, "- uses: octo/none@v1", "-- ./x --\n")
	b.source.known = nil
	b.executor.failures = map[string]error{"Prepare": errors.New("disk full")}
	b.run()
	if len(b.source.asked) > 0 {
		t.Error("actions were fetched for a job without a place")
	}
}
