//go:build unix

package semantics

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// only makes some shells the only programs on a job's PATH.
func only(shells ...string) func(t *testing.T, f *fixture) {
	return func(t *testing.T, f *fixture) {
		f.spec.Environment = []string{"PATH=" + filepath.Join(f.dir, "few")}
		for _, name := range []string{"bash", "sh", "pwsh"} {
			if !slices.Contains(shells, name) {
				f.dummy.Missing = append(f.dummy.Missing, name)
				continue
			}
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skip(err)
			}
			f.write(t, "few/"+name, "#!"+path+"\nexec "+path+" \"$@\"\n")
		}
	}
}

// needs skips a row on a machine without a program.
func needs(program string) func(t *testing.T, f *fixture) {
	return func(t *testing.T, _ *fixture) {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
}

func TestShells(t *testing.T) {
	const options = "it has no options of shells"
	check(t, []row{
		{rule: "4.8: no shell is bash -e", onlyReal: options, steps: "- run: |\n    echo \"$BASH_VERSION\" | cut -c1 > n\n    false | true\n    [[ -s n ]] && echo bash\n    false\n    echo never", result: "failure", want: "failure", rows: []string{"bash"}, not: []string{"never"}},
		{rule: "4.8: without bash it is sh -e", change: only("sh"), steps: "- run: |\n    echo it ran\n    false\n    echo never", result: "failure", want: "failure", rows: []string{"it ran"}, not: []string{"never"}},
		{rule: "4.8: without both it is an error that says so", change: only(), steps: "- run: echo never", result: "failure", want: "failure", has: []string{"neither bash nor sh"}, not: []string{"never"}},
		{rule: "4.8: bash is with pipefail", onlyReal: options, steps: "- {shell: bash, run: \"false | true\\necho never\"}\n- {if: always(), run: \"false | true\\necho goes on\"}", result: "failure", want: "failure success", rows: []string{"goes on"}, not: []string{"never"}},
		{rule: "4.8: bash reads no profile", onlyReal: options, steps: "- {shell: bash, run: 'case $- in *i*) exit 1;; esac; shopt -q login_shell || echo no login'}", want: "success", rows: []string{"no login"}},
		{rule: "4.8: sh ends at an error", steps: "- shell: sh\n  run: |\n    echo a\n    false\n    echo never", result: "failure", want: "failure", rows: []string{"a"}, not: []string{"never"}},
		{rule: "4.8: a command line with {0}", onlyReal: "it knows no python", change: needs("python3"), steps: "- {shell: 'python3 {0}', run: 'print(\"from\", 1 + 1)'}", want: "success", rows: []string{"from 2"}},
		{rule: "4.8: a command line with more arguments", steps: "- {shell: 'bash -e {0} \"a b\"', run: 'echo \"[$1]\"'}", onlyReal: "it has no arguments", want: "success", rows: []string{"[a b]"}},
		{rule: "4.8: a command line without {0}", steps: "- {shell: bash -e, run: echo never}", result: "failure", want: "failure", has: []string{"must have {0}"}, not: []string{"never"}},
		{rule: "4.8: a name that is no built-in shell", steps: "- {shell: fish, run: echo never}", result: "failure", want: "failure", has: []string{`"fish"`}, not: []string{"never"}},
		{rule: "4.8: a built-in shell that is missing", change: only("bash"), steps: "- {shell: pwsh, run: echo never}\n- {if: always(), shell: bash, run: echo next}", result: "failure", want: "failure success", rows: []string{"next"}, has: []string{"shell pwsh: not found"}, not: []string{"never"}},
		{
			rule: "4.8: python and pwsh get their kind of file and arguments", onlyReal: "its programs have no files",
			files: "-- hooks/python --\n#!/bin/sh\necho \"python $# ${1##*.}\"\n-- hooks/pwsh --\n#!/bin/sh\necho \"pwsh $# $1 ${2##*.}\"\nf=${2#*\\'}\ncat \"${f%\\'}\"\n",
			change: func(_ *testing.T, f *fixture) {
				f.spec.Environment = append(f.spec.Environment, "PATH="+f.dir+"/hooks:"+os.Getenv("PATH"))
			},
			steps: "- {shell: python, run: x}\n- {shell: pwsh, run: the script}",
			want:  "success success", rows: []string{"python 1 py", "pwsh 2 -command ps1'", "$ErrorActionPreference = 'stop'", "the script"},
		},
		{
			rule: "4.8: a shell that a step before has put on PATH", onlyReal: "its programs have no files",
			files: "-- hooks/myshell --\n#!/bin/sh\necho mine\n",
			steps: "- run: echo \"$HOOKS\" >> \"$GITHUB_PATH\"\n- {shell: 'myshell {0}', run: x}",
			change: func(_ *testing.T, f *fixture) {
				f.spec.Environment = append(f.spec.Environment, "HOOKS="+f.dir+"/hooks")
			},
			want: "success success", rows: []string{"mine"},
		},
		{
			rule:     "4.8: the step's shell comes before the job's default, and that before the workflow's",
			workflow: "defaults: {run: {shell: fish}}",
			job:      "defaults: {run: {shell: zzz}}",
			steps:    "- {shell: sh, run: echo ran}\n- run: echo never",
			result:   "failure", want: "success failure", rows: []string{"ran"}, has: []string{`"zzz"`}, not: []string{"never", "fish"},
		},
		{
			rule:     "4.8: working directories are of the workspace, the step's before the defaults",
			workflow: "defaults: {run: {working-directory: top}}",
			steps: `
				- run: echo "${PWD##*/work/}"
				- {working-directory: "${{ 'sub/deep' }}", run: 'echo "${PWD##*/work/}"'}
				- {working-directory: "${{ runner.temp }}", run: '[ "$PWD" = "$RUNNER_TEMP" ] && echo temp'}
				- {working-directory: missing, run: echo never}
			`,
			files:    "-- ./top/x --\n-- ./sub/deep/x --\n",
			onlyReal: "it has no directories", result: "failure", want: "success success success failure",
			rows: []string{"top", "sub/deep", "temp"}, has: []string{"missing"}, not: []string{"never"},
		},
		{rule: "4.8: the script is as it is written", onlyReal: "it has no here-documents", steps: "- run: |\n    cat <<'E'\n    é \"$HOME\" \\n\n    E", want: "success", rows: []string{`é "$HOME" \n`}},
	})
}
