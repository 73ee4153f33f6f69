package engine

import (
	"bufio"
	"os"
	"runtime"
	"strings"
)

// MachineInfo is where the job's processes run, as the runner context and "Set
// up job" tell.
type MachineInfo struct {
	OS          string // Linux, Windows or macOS
	Arch        string // X86, X64, ARM or ARM64
	Description string // of the system, for people; may be empty
}

// LocalMachine describes the machine that this process runs on.
func LocalMachine() MachineInfo {
	return MachineInfo{OS: osName(runtime.GOOS), Arch: archName(runtime.GOARCH), Description: describeSystem()}
}

// osName gives the name that workflows compare runner.os with.
func osName(goos string) string {
	switch goos {
	case "linux":
		return "Linux"
	case "windows":
		return "Windows"
	case "darwin":
		return "macOS"
	}
	return goos
}

// archName gives the name that workflows compare runner.arch with.
func archName(goarch string) string {
	switch goarch {
	case "amd64":
		return "X64"
	case "386":
		return "X86"
	case "arm64":
		return "ARM64"
	case "arm":
		return "ARM"
	}
	return strings.ToUpper(goarch)
}

// describeSystem gives the distribution's own name for itself, "" where there
// is no such file.
func describeSystem() string {
	file, err := os.Open("/etc/os-release")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"'`)
		}
	}
	return ""
}

func (m MachineInfo) windows() bool { return m.OS == "Windows" }

// parent gives the directory above a path of the job's system, which need not
// be this process's.
func (m MachineInfo) parent(path string) string {
	cut := strings.LastIndexAny(path, m.separators())
	if cut < 0 {
		return path
	}
	return path[:max(cut, 1)]
}

// join gives a path below a directory of the job's system. below is
// slash-separated.
func (m MachineInfo) join(dir, below string) string {
	if below == "" || below == "." {
		return dir
	}
	if m.windows() {
		return strings.TrimRight(dir, `/\`) + `\` + strings.ReplaceAll(below, "/", `\`)
	}
	return strings.TrimRight(dir, "/") + "/" + below
}

func (m MachineInfo) separators() string {
	if m.windows() {
		return `/\`
	}
	return "/"
}

// listSeparator stands between the directories of PATH.
func (m MachineInfo) listSeparator() string {
	if m.windows() {
		return ";"
	}
	return ":"
}
