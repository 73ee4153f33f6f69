//go:build unix

package shell

// allowed are the variables of the runner's own that jobs get.
var allowed = []string{
	"PATH", "LANG", "LC_ALL", "TZ",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
	"http_proxy", "https_proxy", "no_proxy",
}

var accountVariables = []string{"USER", "LOGNAME"}

// defaultPath is for a runner that has no PATH itself.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (l *envList) setHome(home string) { l.set("HOME", home) }

func sameName(a, b string) bool { return a == b }
