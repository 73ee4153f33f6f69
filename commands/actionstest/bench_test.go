//go:build real

package actionstest

import (
	"os/exec"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
)

// BenchmarkCompositeSteps is a job of one composite action with ten trivial
// steps, each of which starts a shell.
func BenchmarkCompositeSteps(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		j := newJob(b, actions, "    - uses: testdata/ten@v1\n")
		b.StartTimer()
		if j.run.Run(b.Context()) != runnerv1.Result_RESULT_SUCCESS {
			b.Fatal(j.trace.text())
		}
	}
}

// BenchmarkTenShells is what the shells alone cost: the rest is ours.
func BenchmarkTenShells(b *testing.B) {
	for b.Loop() {
		for range 10 {
			if err := exec.Command("sh", "-e", "-c", "true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkNodeAction is a job of one node action with its three parts.
func BenchmarkNodeAction(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		j := newJob(b, actions, "    - uses: testdata/parts@v1\n")
		b.StartTimer()
		if j.run.Run(b.Context()) != runnerv1.Result_RESULT_SUCCESS {
			b.Fatal(j.trace.text())
		}
	}
}
