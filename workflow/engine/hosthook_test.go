package engine

import (
	"strings"
	"testing"

	"multirunner/common"
)

// hosted is an executor beside a container, on a machine with files of its own.
type hosted struct {
	*fakeContainers
	machine *fakeExecutor
}

func (h hosted) Host() common.Executor { return h.machine }

func TestHooksAroundAJobInAContainerRunOnTheMachine(t *testing.T) {
	b := newBench(t, inJobWith(`
		container: {image: x, env: {ACTIONS_RUNNER_HOOK_JOB_COMPLETED: /bin/evil, BASH_ENV: /evil}}
		env: {LD_PRELOAD: /evil}
	`, "- run: file GITHUB_PATH \"/evil\\n\""))
	machine := newFake()
	machine.baseEnv = []string{"PATH=/sbin", "HOME=/job/home"}
	machine.files["/hooks/start.sh"] = []byte("out started $GITHUB_WORKSPACE $RUNNER_TEMP $GITHUB_EVENT_PATH $GITHUB_REPOSITORY $GITHUB_ENV $LD_PRELOAD $BASH_ENV\nout ::add-mask::of-the-hook")
	machine.files["/hooks/done"] = []byte("out completed of-the-hook $PATH")
	b.spec.Hooks.JobStarted = "/hooks/start.sh"
	b.spec.Environment = []string{"ACTIONS_RUNNER_HOOK_JOB_COMPLETED=/hooks/done"}
	b.contained().running.Container = "c1"
	b.hosted = machine
	b.run()
	b.wantResult(success)
	b.wantRow("started /job/work/demo /job/temp /job/temp/_github_workflow/event.json probe/demo (unset) (unset) (unset)")
	b.wantRow("completed *** /sbin")
	if len(machine.commands) != 2 || len(b.executor.commands) != 1 {
		t.Errorf("%d commands ran on the machine, %d in the container", len(machine.commands), len(b.executor.commands))
	}

	b = newBench(t, steps("- run: out x"))
	b.spec.Hooks.JobStarted = "/hooks/start"
	b.executor.files["/hooks/start"] = []byte("out hook $GITHUB_ENV")
	b.contained()
	b.hosted = newFake()
	b.run()
	b.wantResult(success)
	if len(b.hosted.commands) > 0 || !strings.Contains(b.text(), "hook /job/temp/") {
		t.Errorf("a job on the host has its hook elsewhere:\n%s", b.text())
	}
}

func TestAHookOfTheMachineThatFailsFailsTheJob(t *testing.T) {
	for script, row := range map[string]string{"exit 3": "Process completed with exit code 3.", "signal killed": "ended by a signal: killed"} {
		b := newBench(t, inJobWith("container: x", "- run: out x"))
		machine := newFake()
		machine.files["/hooks/start"] = []byte(script)
		b.spec.Hooks.JobStarted = "/hooks/start"
		b.contained().running.Container = "c1"
		b.hosted = machine
		b.run()
		b.wantResults("skipped")
		b.wantRow("##[error]", row)
	}
}
