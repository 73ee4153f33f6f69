package engine

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
)

// environOf gives the environment of a command of the job.
func environOf(b *bench, command int) map[string]string {
	return envOf(b.t, b.executor.commands[command].Env)
}

func envOf(t testing.TB, environ []string) map[string]string {
	env := make(map[string]string)
	for _, item := range environ {
		name, value, _ := strings.Cut(item, "=")
		if _, twice := env[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		env[name] = value
	}
	return env
}

func wantEnv(t *testing.T, env map[string]string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got, ok := env[name]; !ok || got != value {
			t.Errorf("%s is %q (set: %v), want %q", name, got, ok, value)
		}
	}
}

func TestWhatEveryProcessIsTold(t *testing.T) {
	b := runPayload(t, steps(`
		- run: out x
		- id: second
		  run: out x
		- run: out x
	`))
	env := environOf(b, 0)
	wantEnv(t, env, map[string]string{
		"PATH": "/usr/bin:/bin", "HOME": "/job/home", "CI": "true",
		"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true", "GITEA_ACTIONS_RUNNER_VERSION": "1.2.3",
		"GITHUB_REPOSITORY": "probe/demo", "GITEA_REPOSITORY": "probe/demo", "FORGEJO_REPOSITORY": "probe/demo",
		"GITHUB_SERVER_URL": "https://git.example.org", "GITHUB_WORKSPACE": "/job/work/demo", "GITHUB_JOB": "a",
		"GITHUB_EVENT_PATH": "/job/temp/_github_workflow/event.json", "GITHUB_REF_PROTECTED": "false",
		"GITHUB_ACTION": "__run", "GITHUB_RUN_ID": "7", "GITEA_RUN_ID": "7",
		"RUNNER_OS": "Linux", "RUNNER_ARCH": "X64", "RUNNER_NAME": "team-a", "RUNNER_TEMP": "/job/temp",
		"RUNNER_TOOL_CACHE": "/tools", "RUNNER_WORKSPACE": "/job/work", "RUNNER_ENVIRONMENT": "self-hosted",
		"RUNNER_TRACKING_ID": "track-1",
	})
	for _, name := range []string{"GITHUB_TOKEN", "GITHUB_EVENT", "ACTIONS_RUNTIME_TOKEN", "RUNNER_DEBUG", "FORGEJO_ACTIONS", "GITHUB_GITEA_RUNTIME_TOKEN"} {
		if value, ok := env[name]; ok {
			t.Errorf("%s is set to %q", name, value)
		}
	}
	for _, file := range []string{"ENV", "OUTPUT", "PATH", "STATE", "STEP_SUMMARY"} {
		if env["GITHUB_"+file] == "" || env["GITHUB_"+file] != env["GITEA_"+file] || env["GITHUB_"+file] != env["FORGEJO_"+file] {
			t.Errorf("the twins of GITHUB_%s differ: %q, %q, %q", file, env["GITHUB_"+file], env["GITEA_"+file], env["FORGEJO_"+file])
		}
		if env["GITHUB_"+file] == environOf(b, 1)["GITHUB_"+file] {
			t.Errorf("two steps share the file of GITHUB_%s", file)
		}
	}
	wantEnv(t, environOf(b, 1), map[string]string{"GITHUB_ACTION": "second"})
	wantEnv(t, environOf(b, 2), map[string]string{"GITHUB_ACTION": "__run_2"})
	if got := string(b.executor.files["_github_workflow/event.json"]); got != `{"number":42}` {
		t.Errorf("event.json is %s", got)
	}
}

func TestPrecedenceOfTheEnvironment(t *testing.T) {
	b := newBench(t, `
		on: push
		env: {A: workflow, B: workflow, C: workflow, LANG: of the workflow, CI: "0"}
		jobs:
		  a:
		    runs-on: x
		    env: {B: job, C: job, GITHUB_SHA: forged, RUNNER_NAME: forged, SEES: "${{ env.A }}"}
		    steps:
		    - run: |
		        file GITHUB_ENV "C=file\nD=file\nGITHUB_REF=forged\n"
		        out $C
		    - env: {D: step, E: "${{ env.C }} and ${{ env.D }}"}
		      run: out $A $B $C $D $E
		    - run: out $D ${{ env.D }}
	`)
	b.executor.baseEnv = append(b.executor.baseEnv, "A=executor", "Z=executor")
	b.run()
	b.wantRows(0, "job")
	b.wantRows(1, "workflow job file step file and file")
	b.wantRows(2, "file file")
	wantEnv(t, environOf(b, 1), map[string]string{
		"Z": "executor", "LANG": "of the workflow", "CI": "0", "SEES": "workflow",
		"GITHUB_SHA": "2021f9", "RUNNER_NAME": "team-a", "GITHUB_REF": "refs/heads/main",
	})
}

func TestPathAdditionsComeFirst(t *testing.T) {
	b := runPayload(t, steps(`
		- run: file GITHUB_PATH "/a\n/b\n"
		- run: file GITEA_PATH "/c\n/a\n"
		- run: out $PATH
		- env: {PATH: /mine}
		  run: out $PATH
	`))
	b.wantRows(2, "/a:/c:/b:/usr/bin:/bin")
	b.wantRows(3, "/a:/c:/b:/mine")
}

func TestWindowsNamesIgnoreCase(t *testing.T) {
	b := newBench(t, steps(`
		- env: {path: 'C:\mine', Foo: one}
		  shell: bash
		  run: |
		    file GITHUB_ENV "FOO=two\r\n"
		    file GITHUB_PATH "C:\\x\r\n"
		- shell: bash
		  run: out ${{ env.foo }}
	`))
	b.machine.OS = "Windows"
	b.executor.baseEnv = []string{`Path=C:\bin`}
	b.run()
	b.wantRows(1, "two")
	wantEnv(t, environOf(b, 0), map[string]string{"Path": `C:\mine`, "RUNNER_OS": "Windows"})
	wantEnv(t, environOf(b, 1), map[string]string{"Path": `C:\x;C:\bin`, "FOO": "two"})
}

func TestTheEnvContextKnowsCaseOnLinux(t *testing.T) {
	b := runPayload(t, steps(`
		- env: {Foo: one}
		  run: out [${{ env.Foo }}] [${{ env.foo }}]
	`))
	b.wantRows(0, "[one] []")
}

func TestNamesThatNoProcessCanHaveAreLeftOut(t *testing.T) {
	b := runPayload(t, steps(`
		- run: file GITHUB_ENV "A<<E\n1\x002\nE\n"
		- run: out $A
	`))
	b.wantRows(1, "(unset)")
}

func TestDebugIsToldToProcesses(t *testing.T) {
	b := newBench(t, steps("- run: out $RUNNER_DEBUG ${{ runner.debug }}"))
	b.task.Vars["ACTIONS_STEP_DEBUG"] = "true"
	b.run()
	b.wantRow("1 1")
}

func TestIdentityTokensArePassedOnAndMasked(t *testing.T) {
	b := newBench(t, steps(`
		- run: out $ACTIONS_ID_TOKEN_REQUEST_URL $ACTIONS_ID_TOKEN_REQUEST_TOKEN [${{ github.actions_id_token_request_token }}]
	`))
	b.task.Context.Fields["actions_id_token_request_url"] = structpb.NewStringValue("https://id.example.org")
	b.task.Context.Fields["actions_id_token_request_token"] = structpb.NewStringValue("identity-0001")
	b.run()
	b.wantRow("https://id.example.org *** []")
	wantEnv(t, environOf(b, 0), map[string]string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "identity-0001"})
}

func TestForgejoGetsItsOwnNames(t *testing.T) {
	b := newBench(t, steps("- run: out x"))
	b.task.Secrets["FORGEJO_TOKEN"] = "task-token-0001"
	b.run()
	wantEnv(t, environOf(b, 0), map[string]string{"FORGEJO_ACTIONS": "true", "FORGEJO_ACTIONS_RUNNER_VERSION": "1.2.3"})
}
