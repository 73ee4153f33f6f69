//go:build unix

package engine

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestANamedPipeForAMatcherFileDoesNotBlock(t *testing.T) {
	b := matcherBench(t, "- run: out ::add-matcher::pipe", map[string]string{"work/x": ""})
	if err := syscall.Mkfifo(filepath.Join(b.spec.Dirs.Build, "work", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.wantResults("failure")
	b.wantRow("##[error]", "regular")
}
