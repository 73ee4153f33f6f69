package service

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unitMarker begins the units that are ours: no other is replaced or removed.
const unitMarker = "# Written by `runner service install`."

// unitTemplate is the systemd unit. Why it is like this:
//
//   - notify, and a watchdog that is fed only while the scheduler turns: a
//     hung runner is ended (SIGABRT, so that the journal has its stacks; then
//     SIGKILL) and started anew. Its jobs go on meanwhile.
//   - KillMode=process and OOMPolicy=continue: jobs are processes of this
//     unit. They outlive a crash or an upgrade of the runner, and one that
//     needs too much memory does not take the runner and the others along.
//   - Delegate: the runner makes a cgroup for each job.
//   - TimeoutStopSec=infinity: a stop drains, and shutdown_timeout of the
//     configuration bounds it.
//   - No limit of starts: what keeps the runner from starting (a disk, a wrong
//     line in the configuration) may be mended at any time.
//   - LimitNOFILE and TasksMax: a unit's defaults are for one process, and
//     here are many.
const unitTemplate = unitMarker + ` "systemctl edit {name}" makes changes that stay.

[Unit]
Description={description}
Wants=network-online.target
After=network-online.target nss-user-lookup.target
RequiresMountsFor={mounts}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
{user}EnvironmentFile=-{environment}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
TimeoutStartSec=10min
TimeoutStopSec=infinity
WatchdogSec=60
TimeoutAbortSec=30
KillMode=process
Delegate=yes
OOMPolicy=continue
LimitNOFILE=65536:524288
TasksMax=infinity
SyslogIdentifier={name}

[Install]
WantedBy=multi-user.target
`

// unitText is the unit of a service. The error says which value cannot be
// written into one.
func unitText(spec Spec) (string, error) {
	command, err := unitWord(spec.Program, firstWord)
	if err != nil {
		return "", err
	}
	for _, arg := range spec.Arguments() {
		word, err := unitWord(arg, laterWord)
		if err != nil {
			return "", err
		}
		command += " " + word
	}
	mounts, err := unitWord(spec.Config, plainWord)
	if err != nil {
		return "", err
	}
	if spec.StateDir != "" {
		word, err := unitWord(spec.StateDir, plainWord)
		if err != nil {
			return "", err
		}
		mounts += " " + word
	}
	user, err := unitUser(spec.User)
	if err != nil {
		return "", err
	}
	return strings.NewReplacer(
		"{name}", spec.Name, "{description}", spec.description(), "{mounts}", mounts, "{user}", user,
		"{environment}", environmentFile(spec.Name), "{command}", command,
	).Replace(unitTemplate), nil
}

// unitArguments gives the arguments of the program that one of our units
// starts.
func unitArguments(text string) ([]string, error) {
	for line := range strings.Lines(text) {
		command, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "ExecStart=")
		if !found {
			continue
		}
		if words := unitWords(command); len(words) > 0 {
			return words[1:], nil
		}
	}
	return nil, errors.New("the unit has no ExecStart")
}

// unitWords reads what unitWord wrote.
func unitWords(line string) (words []string) {
	var word strings.Builder
	quoted, begun := false, false
	end := func() {
		if begun {
			words = append(words, strings.NewReplacer("%%", "%", "$$", "$").Replace(word.String()))
		}
		word.Reset()
		begun = false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case c == '"':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			end()
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	end()
	return words
}

// environmentFile is for the operator: tokens, proxies.
func environmentFile(name string) string { return "/etc/default/" + name }

// unitUser gives the line of a user, if one is named.
func unitUser(name string) (string, error) {
	switch {
	case name == "":
		return "", nil
	case name[0] == '-' || !printable(name) || strings.ContainsFunc(name, unicode.IsSpace):
		return "", fmt.Errorf("--user %q cannot be the name of a user", name)
	}
	return "User=" + strings.ReplaceAll(name, "%", "%%") + "\n", nil
}

// position is where in a unit a word stands.
type position int

const (
	firstWord position = iota // the program of a command: systemd expands no variables in it
	laterWord                 // an argument of a command
	plainWord                 // of a list that is no command
)

// unitWord writes a word so that systemd reads it as it is. Paths that need no
// quotes get them too, flags do not.
func unitWord(word string, at position) (string, error) {
	if !printable(word) {
		return "", fmt.Errorf("%q cannot be written into a systemd unit: control characters and what is not UTF-8 have no place there", word)
	}
	if at == firstWord && strings.ContainsAny(word, "\\\"'") {
		return "", fmt.Errorf("%s: systemd starts no program whose path has a quote or a backslash in it: put it elsewhere", word)
	}
	if at == laterWord && strings.Trim(word, "-abcdefghijklmnopqrstuvwxyz") == "" && word != "" {
		return word, nil
	}
	replace := []string{`\`, `\\`, `"`, `\"`, `%`, `%%`}
	if at == laterWord {
		replace = append(replace, `$`, `$$`)
	}
	return `"` + strings.NewReplacer(replace...).Replace(word) + `"`, nil
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
