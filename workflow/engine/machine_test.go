package engine

import (
	"runtime"
	"testing"
)

func TestThisMachineHasNamesThatWorkflowsKnow(t *testing.T) {
	m := LocalMachine()
	if m.OS == "" || m.Arch == "" {
		t.Errorf("machine %+v", m)
	}
	if runtime.GOOS == "linux" && m.OS != "Linux" {
		t.Errorf("Linux is called %q", m.OS)
	}
	for goarch, want := range map[string]string{"amd64": "X64", "386": "X86", "arm64": "ARM64", "arm": "ARM", "riscv64": "RISCV64"} {
		if got := archName(goarch); got != want {
			t.Errorf("%s is called %q, want %q", goarch, got, want)
		}
	}
	for goos, want := range map[string]string{"windows": "Windows", "darwin": "macOS", "freebsd": "freebsd"} {
		if got := osName(goos); got != want {
			t.Errorf("%s is called %q, want %q", goos, got, want)
		}
	}
}

func TestTheDirectoryAbove(t *testing.T) {
	for _, test := range []struct{ os, path, want string }{
		{"Linux", "/job/work/demo", "/job/work"},
		{"Linux", "/work", "/"},
		{"Linux", "work", "work"},
		{"Linux", `/a\b`, "/"},
		{"Windows", `C:\job\work`, `C:\job`},
		{"Windows", `C:/job\work`, `C:/job`},
	} {
		if got := (MachineInfo{OS: test.os}).parent(test.path); got != test.want {
			t.Errorf("%s: above %s is %q, want %q", test.os, test.path, got, test.want)
		}
	}
}
