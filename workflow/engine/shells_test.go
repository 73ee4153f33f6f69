package engine

import (
	"slices"
	"strings"
	"testing"
)

func TestShells(t *testing.T) {
	const script = "/job/temp/ID"
	tests := []struct {
		claim, key string
		os         string
		missing    []string
		path       string
		args       []string
		suffix     string // of the script's name
		content    string
	}{
		{"none", "", "Linux", nil, "/usr/bin/bash", []string{"-e", script}, ".sh", "out x"},
		{"none without bash", "", "Linux", []string{"bash"}, "/usr/bin/sh", []string{"-e", script}, ".sh", "out x"},
		{"none on macOS", "", "macOS", nil, "/usr/bin/bash", []string{"-e", script}, ".sh", "out x"},
		{"none on Windows", "", "Windows", nil, "/usr/bin/pwsh", []string{"-command", ". '" + script + "'"}, ".ps1", ""},
		{"none on Windows without pwsh", "", "Windows", []string{"pwsh"}, "/usr/bin/powershell", []string{"-command", ". '" + script + "'"}, ".ps1", ""},
		{"bash", "bash", "Linux", nil, "/usr/bin/bash", []string{"--noprofile", "--norc", "-e", "-o", "pipefail", script}, ".sh", "out x"},
		{"names ignore case", "Bash", "Linux", nil, "/usr/bin/Bash", []string{"--noprofile", "--norc", "-e", "-o", "pipefail", script}, ".sh", "out x"},
		{"sh", "sh", "Linux", nil, "/usr/bin/sh", []string{"-e", script}, ".sh", "out x"},
		{"python", "python", "Linux", nil, "/usr/bin/python", []string{script}, ".py", "out x"},
		{"pwsh", "pwsh", "Linux", nil, "/usr/bin/pwsh", []string{"-command", ". '" + script + "'"}, ".ps1",
			"$ErrorActionPreference = 'stop'\nout x\nif (Test-Path -LiteralPath variable:LASTEXITCODE) { exit $LASTEXITCODE }\n"},
		{"powershell", "powershell", "Linux", nil, "/usr/bin/powershell", []string{"-command", ". '" + script + "'"}, ".ps1", ""},
		{"cmd", "cmd", "Windows", nil, "/usr/bin/cmd", []string{"/D", "/E:ON", "/V:OFF", "/S", "/C", "CALL", script}, ".cmd", "@echo off\r\nout x"},
		{"a command line", "perl -w {0}", "Linux", nil, "/usr/bin/perl", []string{"-w", script}, "", "out x"},
		{"a command line with quotes", `my "a b" 'c d' -x="{0} y" \"`, "Linux", nil, "/usr/bin/my", []string{"a b", "'c", "d'", "-x=" + script + " y", `"`}, "", "out x"},
		{"a built-in with a command line of its own", "bash -l {0}", "Linux", nil, "/usr/bin/bash", []string{"-l", script}, ".sh", "out x"},
		{"bash on Windows", "bash", "Windows", nil, "/usr/bin/bash", []string{"--noprofile", "--norc", "-e", "-o", "pipefail", script}, ".sh", "out x"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, steps("- run: out x\n  shell: '"+strings.ReplaceAll(test.key, "'", "''")+"'"))
			b.machine.OS = test.os
			b.executor.missing = test.missing
			b.run()
			if len(b.executor.commands) != 1 {
				t.Fatalf("%d commands; log:\n%s", len(b.executor.commands), b.text())
			}
			cmd := b.executor.commands[0]
			if cmd.Path != test.path {
				t.Errorf("runs %q, want %q", cmd.Path, test.path)
			}
			name, content := scriptOf(t, b)
			want := slices.Clone(test.args)
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], script, "/job/temp/"+name)
			}
			if !slices.Equal(cmd.Args, want) {
				t.Errorf("arguments %q, want %q", cmd.Args, want)
			}
			if !strings.HasSuffix(name, test.suffix) || test.suffix == "" && strings.Contains(name, ".") {
				t.Errorf("the script is called %q, want the end %q", name, test.suffix)
			}
			if test.content != "" && content != test.content {
				t.Errorf("the script is %q, want %q", content, test.content)
			}
		})
	}
}

// scriptOf finds the one script that the job has written.
func scriptOf(t *testing.T, b *bench) (name, content string) {
	t.Helper()
	for file, data := range b.executor.files {
		if !strings.Contains(file, "/") {
			name, content = file, string(data)
		}
	}
	if name == "" {
		t.Fatal("no script was written")
	}
	return name, content
}

func TestShellsThatCannotBe(t *testing.T) {
	tests := []struct {
		claim, key string
		missing    []string
		row        string
	}{
		{"an unknown name", "fish", nil, `shell "fish": not one of bash, sh`},
		{"a path without arguments", "/bin/bash", nil, `shell "/bin/bash": not one of`},
		{"a command line without a place for the script", "perl -w", nil, "must have {0}"},
		{"not installed", "pwsh", []string{"pwsh"}, "shell pwsh: not found on the PATH of the job (/usr/bin:/bin)"},
		{"none at all", "", []string{"bash", "sh"}, "neither bash nor sh is on the PATH"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, steps("- run: out x\n  shell: '"+test.key+"'"))
			b.executor.missing = test.missing
			b.run()
			b.wantResults("failure")
			b.wantRow("##[error]", test.row)
		})
	}
}

func TestTheDefaultShell(t *testing.T) {
	b := runPayload(t, `
		on: push
		defaults: {run: {shell: sh}}
		jobs:
		  a:
		    runs-on: x
		    env: {SHELL_OF_JOB: python}
		    defaults: {run: {shell: "${{ env.SHELL_OF_JOB }}"}}
		    steps:
		    - run: out x
		    - run: out x
		      shell: bash
	`)
	for i, want := range []string{"/usr/bin/python", "/usr/bin/bash"} {
		if got := b.executor.commands[i].Path; got != want {
			t.Errorf("step %d runs %s, want %s", i, got, want)
		}
	}
	b = runPayload(t, "on: push\ndefaults: {run: {shell: sh}}\njobs: {a: {runs-on: x, steps: [{run: out x}]}}")
	if got := b.executor.commands[0].Path; got != "/usr/bin/sh" {
		t.Errorf("the workflow's default gives %s", got)
	}
}

func TestAPathWithAQuoteIsSafeInPowerShell(t *testing.T) {
	s := shell{template: builtins["pwsh"].arguments, extension: ".ps1"}
	got := s.arguments("/o'hara/x.ps1", MachineInfo{OS: "Linux"})
	if want := []string{"-command", ". '/o''hara/x.ps1'"}; !slices.Equal(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
}
