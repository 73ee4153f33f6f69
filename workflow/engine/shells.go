package engine

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"multirunner/common"
)

// builtin is a shell that workflows may name without a command line.
type builtin struct {
	arguments string // {0} stands for the script
	extension string
	fix       func(script string) string // what the shell needs around a script; nil for nothing
}

// builtins is GitHub's table (ScriptHandlerHelpers.cs).
var builtins = map[string]builtin{
	"bash":       {"--noprofile --norc -e -o pipefail {0}", ".sh", nil},
	"sh":         {"-e {0}", ".sh", nil},
	"pwsh":       {`-command ". '{0}'"`, ".ps1", fixPowerShell},
	"powershell": {`-command ". '{0}'"`, ".ps1", fixPowerShell},
	"python":     {"{0}", ".py", nil},
	// CALL without quotes of its own around it: the process's argument list
	// puts them around a path that needs them.
	"cmd": {"/D /E:ON /V:OFF /S /C CALL {0}", ".cmd", fixCmd},
}

// fixPowerShell makes errors end the script, and the script end with the last
// command's exit code.
func fixPowerShell(script string) string {
	return "$ErrorActionPreference = 'stop'\n" + script +
		"\nif (Test-Path -LiteralPath variable:LASTEXITCODE) { exit $LASTEXITCODE }\n"
}

func fixCmd(script string) string { return "@echo off\n" + script }

// shell is what runs a script.
type shell struct {
	name      string // as the workflow calls it, without a directory or arguments
	path      string
	template  string // of the arguments, {0} stands for the script
	extension string
	fix       func(string) string
}

// String shows the command line with {0} for the script.
func (s shell) String() string { return s.path + " " + s.template }

// script gives the file's content.
func (s shell) script(text string, m MachineInfo) string {
	if s.fix != nil {
		text = s.fix(text)
	}
	if m.windows() {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	return text
}

// arguments gives the argument list for a script.
func (s shell) arguments(script string, m MachineInfo) []string {
	switch {
	case s.extension == ".ps1": // the path stands in single quotes
		script = strings.ReplaceAll(script, "'", "''")
	case m.windows() && s.extension == ".sh":
		script = strings.ReplaceAll(script, `\`, "/")
	}
	args := splitArguments(s.template)
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "{0}", script)
	}
	return args
}

// findShell finds what a shell key means: nothing, a built-in name, or a
// command line with {0} for the script.
func (r *stepRun) findShell(ctx context.Context, key string) (shell, error) {
	if key = strings.TrimSpace(key); key == "" {
		return r.defaultShell(ctx)
	}
	name, template, custom := strings.Cut(key, " ")
	known, isBuiltin := builtins[strings.ToLower(name)]
	switch {
	case custom && !strings.Contains(template, "{0}"):
		return shell{}, fmt.Errorf("shell %q: a command line must have {0} where the script's path goes", key)
	case !custom && !isBuiltin:
		return shell{}, fmt.Errorf("shell %q: not one of bash, sh, pwsh, powershell, python and cmd; another program needs its arguments too, with {0} where the script's path goes", key)
	case !custom:
		template = known.arguments
	}
	path, err := r.look(ctx, name)
	if err != nil {
		return shell{}, err
	}
	return shell{name, path, template, known.extension, known.fix}, nil
}

// defaultShell is the shell of a step that names none. Without pipefail, unlike
// a bash that is named.
func (r *stepRun) defaultShell(ctx context.Context) (shell, error) {
	if r.job.machine.windows() {
		return firstShell(ctx, r.job.executor, r.searchPath(), builtins["pwsh"].arguments, "pwsh", "powershell")
	}
	return firstShell(ctx, r.job.executor, r.searchPath(), "-e {0}", "bash", "sh")
}

// firstShell is the first of some built-in shells that is there.
func firstShell(ctx context.Context, e common.Executor, search, template string, names ...string) (shell, error) {
	for _, name := range names {
		path, err := e.LookPath(ctx, name, search)
		if err == nil {
			return shell{name, path, template, builtins[name].extension, builtins[name].fix}, nil
		}
		if !errors.Is(err, exec.ErrNotFound) {
			return shell{}, fmt.Errorf("shell %s: %w", name, err)
		}
	}
	return shell{}, fmt.Errorf("neither %s is on the PATH of the job (%s): install one of them, or name another shell", strings.Join(names, " nor "), search)
}

func (r *stepRun) look(ctx context.Context, name string) (string, error) {
	path, err := r.job.executor.LookPath(ctx, name, r.searchPath())
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("shell %s: not found on the PATH of the job (%s): install it, or name another shell", name, r.searchPath())
	}
	if err != nil {
		return "", fmt.Errorf("shell %s: %w", name, err)
	}
	return path, nil
}

// splitArguments splits a command line at spaces and tabs, as .NET does, which
// GitHub's runner starts processes with. Double quotes hold together, and two of
// them within are one; a backslash is itself unless a quote follows it, which it
// makes a part of the text; single quotes mean nothing.
func splitArguments(line string) []string {
	var args []string
	var arg strings.Builder
	started, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			slashes := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
			i += slashes - 1
			started = true
			if i+1 == len(line) || line[i+1] != '"' {
				arg.WriteString(strings.Repeat(`\`, slashes))
				continue
			}
			arg.WriteString(strings.Repeat(`\`, slashes/2))
			if slashes%2 == 1 {
				i++
				arg.WriteByte('"')
			}
		case c == '"' && quoted && i+1 < len(line) && line[i+1] == '"':
			i++
			arg.WriteByte('"')
		case c == '"':
			quoted, started = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if started {
				args = append(args, arg.String())
			}
			arg.Reset()
			started = false
		default:
			arg.WriteByte(c)
			started = true
		}
	}
	if started {
		args = append(args, arg.String())
	}
	return args
}
