package shell

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"multirunner/common"
	"multirunner/executors/contract"
	"multirunner/helpers/process"
)

// gone tells that a process runs no more.
func gone(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	start, err := process.StartTime(n)
	return err != nil || !process.Alive(n, start)
}

// TestContractInAJobProcess makes this process what a job process is, for as
// long as it runs.
func TestContractInAJobProcess(t *testing.T) {
	family := process.NewFamily()
	if err := family.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := family.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if path, err := family.UseCgroup("multirunner-test-" + strconv.Itoa(os.Getpid())); err != nil {
		t.Logf("without a cgroup: %v", err)
	} else {
		t.Logf("with cgroup %s", path)
	}
	contract.Test(t, harness(Options{Family: family}))
}

func TestAnEnvironmentThatIsTooLargeIsToldFrom(t *testing.T) {
	e, _ := prepared(t, newSpec(t))
	env := append(e.BaseEnv(), "BIG="+strings.Repeat("x", 300_000), "SMALL=1")
	_, err := e.Run(t.Context(), &common.Command{Path: "sh", Args: []string{"-c", "exit 0"}, Env: env})
	if err == nil || !strings.Contains(err.Error(), "300004 of them in BIG") || len(err.Error()) > 500 {
		t.Errorf("the error is %.600v", err)
	}
}
