package shell

import (
	"os/user"
	"strings"

	"multirunner/common"
	"multirunner/helpers/process"
)

// baseEnv gives what every command of the job gets: of the runner's own
// environment only the short list and what the operator passes on. Later ones
// win: the list, pass_environment, path, environment, the tracking id.
func baseEnv(spec *common.JobSpec, home, account string, own func(string) (string, bool)) []string {
	var env envList
	for _, name := range allowed {
		env.pass(name, own)
	}
	if _, ok := env.find("PATH"); !ok {
		env.set("PATH", defaultPath)
	}
	env.setHome(home)
	if account != "" {
		for _, name := range accountVariables {
			env.set(name, account)
		}
	}
	for _, name := range spec.Shell.PassEnvironment {
		env.pass(name, own)
	}
	if spec.Shell.Path != "" {
		env.set("PATH", spec.Shell.Path)
	}
	for _, kv := range spec.Environment {
		name, value, _ := strings.Cut(kv, "=")
		env.set(name, value)
	}
	if spec.TrackingID != "" {
		env.set(trackingVariable, spec.TrackingID)
	}
	return env.list
}

// envList is a list of K=V in which each name stands once.
type envList struct{ list []string }

func (l *envList) find(name string) (int, bool) {
	for i, kv := range l.list {
		if k, _, _ := strings.Cut(kv, "="); sameName(k, name) {
			return i, true
		}
	}
	return 0, false
}

func (l *envList) set(name, value string) {
	if name == "" {
		return
	}
	if i, ok := l.find(name); ok {
		l.list[i] = name + "=" + value
		return
	}
	l.list = append(l.list, name+"="+value)
}

// pass takes a variable of the runner's own, when it is set.
func (l *envList) pass(name string, own func(string) (string, bool)) {
	if value, ok := own(name); ok {
		l.set(name, value)
	}
}

// accountName is the name of the job's user; empty when it has none.
func accountName(u *process.User) string {
	if u != nil {
		return u.Name
	}
	account, err := user.Current()
	if err != nil {
		return ""
	}
	return account.Username
}

// valueOf gives a variable of an environment; the last one counts.
func valueOf(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && sameName(k, name) {
			value = v
		}
	}
	return value
}
