package job

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multirunner/common"
)

func TestSpecArrivesAsSent(t *testing.T) {
	spec := &common.JobSpec{
		V: common.JobSpecVersion, Task: []byte{1, 2, 255}, URL: "https://git.example.org", Registration: "a",
		Executor: "shell", JobTimeout: common.Duration(3 * time.Hour), SpoolMaxBytes: 1 << 30,
		Shell:     common.ShellConfig{User: "ci", GracefulKillTimeout: common.Duration(7500 * time.Millisecond)},
		Workspace: common.Workspace{Mode: common.WorkspaceCopy, Source: "/src"},
	}
	var wire bytes.Buffer
	if err := WriteSpec(&wire, spec); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSpec(&wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, got); diff != "" {
		t.Error(diff)
	}
}

func TestIncompleteSpecIsRefused(t *testing.T) {
	var wire bytes.Buffer
	if err := WriteSpec(&wire, &common.JobSpec{V: common.JobSpecVersion}); err != nil {
		t.Fatal(err)
	}
	whole := wire.Bytes()
	for n := range whole {
		if _, err := ReadSpec(bytes.NewReader(whole[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestSpecOfAnotherVersionIsRefused(t *testing.T) {
	var wire bytes.Buffer
	if err := WriteSpec(&wire, &common.JobSpec{V: common.JobSpecVersion + 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSpec(&wire); err == nil {
		t.Error("a spec of a later version was taken")
	}
}

func FuzzReadSpec(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, '{', '}'})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		if spec, err := ReadSpec(bytes.NewReader(data)); err == nil && spec == nil {
			t.Error("no spec and no error")
		}
	})
}
