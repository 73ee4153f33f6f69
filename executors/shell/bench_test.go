//go:build unix

package shell

import (
	"context"
	"io"
	"testing"

	"multirunner/common"
	"multirunner/helpers/process"
)

// BenchmarkTrivialJob is what the executor adds to a job of one command.
func BenchmarkTrivialJob(b *testing.B) {
	family := process.NewFamily()
	if err := family.BecomeSubreaper(); err != nil {
		b.Skip(err)
	}
	defer family.Close(context.Background())
	p := NewProvider(nil, Options{Family: family})
	spec := &common.JobSpec{TrackingID: "bench", Dirs: common.JobDirs{Build: b.TempDir() + "/build", Tools: b.TempDir()}}
	for b.Loop() {
		e, err := p.Create(spec)
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Prepare(b.Context(), io.Discard); err != nil {
			b.Fatal(err)
		}
		script, err := e.WriteTemp(b.Context(), "script.sh", []byte("echo hello\n"))
		if err != nil {
			b.Fatal(err)
		}
		cmd := &common.Command{Path: "/bin/sh", Args: []string{"-e", script}, Env: e.BaseEnv(), Stdout: io.Discard, Stderr: io.Discard}
		if _, err := e.Run(b.Context(), cmd); err != nil {
			b.Fatal(err)
		}
		if err := e.StopBackground(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := e.Cleanup(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
