package shell

import "strings"

// allowed are the variables of the runner's own that jobs get. Without those
// of the second group hardly any program starts.
var allowed = []string{
	"PATH", "LANG", "LC_ALL", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",

	"PATHEXT", "ComSpec", "SystemRoot", "SystemDrive", "windir", "OS",
	"PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS",
	"ProgramData", "ProgramFiles", "ProgramFiles(x86)", "ProgramW6432",
	"CommonProgramFiles", "CommonProgramFiles(x86)", "ALLUSERSPROFILE", "PUBLIC",
	"TEMP", "TMP", "PSModulePath",
}

var accountVariables = []string{"USERNAME"}

// defaultPath is for a runner that has no PATH itself.
const defaultPath = `C:\Windows\System32;C:\Windows;C:\Windows\System32\WindowsPowerShell\v1.0`

func (l *envList) setHome(home string) {
	l.set("HOME", home)
	l.set("USERPROFILE", home)
}

// sameName: names of variables ignore case here.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
