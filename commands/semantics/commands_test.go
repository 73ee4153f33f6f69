//go:build unix

package semantics

import "testing"

const compiler = `
	-- ./cc.json --
	{"problemMatcher": [{"owner": "cc", "pattern": [{"regexp": "^(.+):(\\d+):(\\d+): (error|warning): (.*)$", "file": 1, "line": 2, "column": 3, "severity": 4, "message": 5}]}]}
	-- ./lint.json --
	{"problemMatcher": [{"owner": "lint", "severity": "warning", "pattern": [{"regexp": "^(\\S+\\.js)$", "file": 1}, {"regexp": "^\\s+(\\d+):(\\d+)\\s+(.*)$", "line": 1, "column": 2, "message": 3, "loop": true}]}]}
`

func TestCommands(t *testing.T) {
	check(t, []row{
		{
			rule: "4.7: commands of both forms, on both streams, in any case, are obeyed and not shown",
			steps: `
				- id: s
				  run: |
				    echo '::set-output name=one::1'
				    echo '  ::SET-Output name=two::2' >&2
				    echo 'text before ##[set-output name=three;]3'
				    echo '::debug::hidden'
				    echo '::unknown::shown'
				    echo 'text ::error::shown too'
				- run: |
				    echo "${{ steps.s.outputs.one }}${{ steps.s.outputs.two }}${{ steps.s.outputs.three }}"
			`,
			want: "success success", rows: []string{"::unknown::shown", "text ::error::shown too", "123"}, not: []string{"hidden", "set-output"},
		},
		{
			rule: "4.7: escapes are decoded, those of percent signs last",
			steps: `
				- id: s
				  run: |
				    echo '::set-output name=a%3Ab%2Cc::x%0Ay%250Az%3A'
				    echo '##[set-output name=d%3Be%5D;]v%5D%3B'
				    echo '::error file=,line=::no place'
				- run: |
				    echo "$OUT"
				  env: {OUT: "${{ toJSON(steps.s.outputs) }}"}
			`,
			want: "success success", rows: []string{"##[error]no place"}, has: []string{`"a:b,c": "x\ny%0Az%3A"`, `"d;e]": "v];"`},
		},
		{
			rule: "4.7: messages, groups and their places",
			steps: `
				- run: |
				    echo '::group::A group'
				    echo within
				    echo '::endgroup::'
				    echo '::notice::one%0Atwo'
				    echo '::warning file=a.go::careful'
				    echo '::error file=a.go,line=3,col=4,title=T::boom'
			`,
			want: "success",
			rows: []string{"##[group]A group", "within", "##[endgroup]", "##[notice]one", "##[notice]two", "##[warning]a.go: careful", "##[error]a.go:3:4: T: boom"},
		},
		{
			rule: "4.7: set-env and add-path are switched off and fail the step, also with exit 0",
			steps: `
				- run: |
				    echo '::set-env name=A::1'
				    echo after
				- {if: always(), run: "echo '::add-path::/x'"}
				- {if: always(), run: 'echo "[$A]"'}
			`,
			result: "failure", want: "failure failure success", rows: []string{"after", "[]"}, has: []string{"the command set-env is switched off", "the command add-path is switched off"},
		},
		{
			rule: "4.7: they can be allowed",
			job:  "env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: true, PATH: '/usr/bin:/bin'}",
			steps: `
				- run: |
				    echo '::set-env name=A::1'
				    echo '::set-env name=NODE_OPTIONS::x'
				    echo '::add-path::/x'
				- run: echo "$A $PATH [$NODE_OPTIONS]"
			`,
			want: "success success", rows: []string{"1 /x:/usr/bin:/bin []"}, has: []string{"##[error]The command set-env cannot set NODE_OPTIONS"},
		},
		{
			rule: "4.7: commands that cannot be obeyed fail their step",
			steps: `
				- run: echo '::set-output::1'
				- {if: always(), run: "echo '::save-state name=::1'"}
				- {if: always(), run: "echo '::echo::maybe'"}
				- {if: always(), run: "echo '::stop-commands::'"}
				- {if: always(), run: "echo '::stop-commands::pause-logging'"}
				- {if: always(), run: "echo '::stop-commands::Error'"}
			`,
			result: "failure", want: "failure failure failure failure failure failure", has: []string{"##[error]"},
		},
		{
			rule: "4.7: echo shows commands, but none that shows itself",
			steps: `
				- run: |
				    echo '::set-output name=a::silent'
				    echo '::echo::on'
				    echo '::set-output name=a::1'
				    echo '::add-mask::hide-me'
				    echo '::error::once'
				    echo '::debug::never'
				    echo '::echo::off'
				    echo '::set-output name=b::silent'
			`,
			want: "success", rows: []string{"::set-output name=a::1", "::add-mask::***", "##[error]once", "::echo::off"}, not: []string{"silent", "hide-me", "::error", "never"},
		},
		{
			rule:   "4.7: echo is on in debug, which shows debug messages",
			change: func(_ *testing.T, f *fixture) { f.task.Secrets["ACTIONS_STEP_DEBUG"] = "true" },
			steps: `
				- run: |
				    echo '::debug::shown'
				    echo '::set-output name=a::1'
				    echo "${{ runner.debug }}$RUNNER_DEBUG"
			`,
			want: "success", rows: []string{"##[debug]shown", "::set-output name=a::1", "11"},
		},
		{
			rule: "4.7: stop-commands holds until its token, which is masked, and until the step's end",
			steps: `
				- run: |
				    echo '::stop-commands::token-12345'
				    echo '::error::not obeyed'
				    echo '##[set-output name=a;]1'
				    echo 'it is token-12345'
				    echo '::TOKEN-12345::'
				    echo '::error::obeyed'
				- run: |
				    echo '::stop-commands::abcdef'
				    echo '::error::no more'
				    echo 'short abcdef'
				- run: echo '::error::again'
			`,
			want: "success success success",
			has:  []string{"::error::not obeyed", "##[set-output name=a;]1", "it is ***", "::error::no more", "short abcdef"},
			rows: []string{"##[error]obeyed", "##[error]again"},
		},
		{
			rule: "4.7: add-mask masks the whole value and each line, from then on",
			steps: `
				- run: |
				    echo 'before hide-me'
				    echo '::add-mask::hide-me%0A  and me  '
				    echo 'now hide-me, and me, s3cr3t-value'
				    echo '::error title=hide-me::and me'
				    echo '::add-mask:: '
				- {name: step hide-me, env: {X: hide-me}, run: echo later hide-me >&2}
			`,
			want: "success success", rows: []string{"before hide-me", "now ***, ***, ***", "##[error]***: ***", "later ***"}, has: []string{"##[warning]add-mask was given no value"},
		},
		{
			rule: "4.7: masks know encodings and merge what touches",
			change: func(_ *testing.T, f *fixture) {
				f.task.Secrets["LINES"], f.task.Secrets["ODD"] = "first-line\nsecond-line\n", "a+b c\"d"
			},
			steps: `
				- run: |
				    echo 'first-linesecond-line second-line'
				    echo 'czNjcjN0LXZhbHVl'
				    echo 'json a+b c\"d url a%2Bb%20c%22d'
				    echo 'S3CR3T-VALUE'
			`,
			want: "success", rows: []string{"*** ***", "***", "json *** url ***", "S3CR3T-VALUE"},
		},
		{
			rule:  "4.7: problem matchers mark lines until they are removed, also in later steps",
			files: compiler,
			steps: `
				- run: |
				    echo 'a.c:1:2: error: before'
				    echo '::add-matcher::cc.json'
				    echo 'src/a.c:1:2: error: boom'
				    echo 'src/a.c:3:4: warning: careful'
				- run: |
				    echo 'a.c:5:6: error: here too' >&2
				- run: |
				    echo 'a.c:1:2: error: later'
				    echo '::remove-matcher owner=cc::'
				    echo 'a.c:1:2: error: after'
			`,
			want: "success success success",
			rows: []string{
				"a.c:1:2: error: before", "##[error]src/a.c:1:2: error: boom", "##[warning]src/a.c:3:4: warning: careful",
				"##[error]a.c:5:6: error: here too", "##[error]a.c:1:2: error: later", "a.c:1:2: error: after",
			},
		},
		{
			rule:  "4.7: matchers of several lines loop over their last, and say the file",
			files: compiler,
			steps: `
				- run: |
				    echo '::add-matcher::lint.json'
				    echo 'a.js'
				    echo '  1:2  boom'
				    echo '  3:4  bang'
				    echo 'between'
				    echo '  5:6  nothing'
			`,
			want: "success", rows: []string{"a.js", "##[warning]a.js: 1:2  boom", "##[warning]a.js: 3:4  bang", "between", "  5:6  nothing"},
		},
		{
			rule: "4.7: of two matchers for a line the one that was added last has it, colours do not hide a line", files: compiler + `
				-- ./mild.json --
				{"problemMatcher": [{"owner": "mild", "severity": "notice", "pattern": [{"regexp": "^(a.+):(\\d+):\\d+: error: (.*)$", "file": 1, "line": 2, "message": 3}]}]}
			`,
			steps: `
				- env: {ESC: "${{ fromJSON('\"\\u001b\"') }}"}
				  run: |
				    echo '::add-matcher::cc.json'
				    echo '::add-matcher::mild.json'
				    echo 'a.c:1:2: error: mild'
				    echo "$ESC[31mb.c:1:2:$ESC[0m error: hard"
				    echo '::remove-matcher owner=mild::'
				    echo 'a.c:1:2: error: hard'
			`,
			want: "success",
			rows: []string{"##[notice]a.c:1:2: error: mild", "##[error]b.c:1:2: error: hard", "##[error]a.c:1:2: error: hard"},
		},
		{
			rule:  "4.7: a matcher that cannot be read fails the step",
			steps: "- run: echo '::add-matcher::none.json'", result: "failure", want: "failure", has: []string{"none.json"},
		},
	})
}

func TestFileCommands(t *testing.T) {
	faulty := func(rule, line, says string) row {
		return row{
			rule: "4.7: files: " + rule,
			steps: "- id: s\n  run: |\n    echo 'first=1' >> \"$GITHUB_OUTPUT\"\n    " + line + " >> \"$GITHUB_OUTPUT\"\n" +
				"- {if: failure(), run: 'echo \"kept ${{ steps.s.outputs.first }}\"'}",
			result: "failure", want: "failure success", rows: []string{"kept 1"}, has: []string{says},
		}
	}
	check(t, []row{
		{
			rule: "4.7: files: what comes first of = and << decides, values keep spaces and inner lines",
			steps: `
				- id: s
				  run: |
				    {
				    echo
				    echo 'a=x=y<<z'
				    echo 'empty='
				    echo 'spaced=  v  '
				    echo 'm<<EOF'
				    echo 'one=1'
				    echo
				    echo ' EOF'
				    echo 'EOF'
				    echo 'none<<E'
				    echo 'E'
				    echo -n 'last<<E'
				    echo
				    echo 'v'
				    echo -n 'E'
				    } >> "$GITHUB_OUTPUT"
				- {env: {OUT: "${{ toJSON(steps.s.outputs) }}"}, run: 'echo "$OUT"'}
			`,
			want: "success success",
			has:  []string{`"a": "x=y<<z"`, `"empty": ""`, `"spaced": "  v  "`, `"m": "one=1\n\n EOF"`, `"none": ""`, `"last": "v"`},
		},
		faulty("a line without = and <<", "echo 'nonsense'", "line 2"),
		faulty("no name", "echo '=x'", "has no name"),
		faulty("no delimiter", "echo 'x<<'", "needs a name"),
		faulty("no name before a delimiter", "echo '<<E'", "needs a name"),
		faulty("no line with the delimiter", "{ echo 'x<<E'; echo 'v'; }", "no line with the delimiter follows"),
		faulty("a last line without an end", "{ echo 'x<<E'; echo -n 'v'; }", "has no end of line"),
		{
			rule: "4.7: files: they count after a failure, each step has its own, gone ones are none",
			steps: `
				- id: s
				  run: |
				    echo o=1 >> "$GITHUB_OUTPUT"
				    exit 1
				- if: always()
				  id: t
				  run: |
				    rm "$GITHUB_ENV"
				    cat "$GITHUB_OUTPUT"
				    echo "${{ steps.s.outputs.O }}"
			`,
			result: "failure", want: "failure success", rows: []string{"1"}, not: []string{"o=1"},
		},
		{
			rule: "4.7: files: a faulty one fails a step that has succeeded",
			steps: `
				- run: echo nonsense >> "$GITHUB_ENV"
				- {if: always(), run: 'echo nonsense >> "$GITHUB_STATE"'}
				- {if: always(), run: 'echo /fine >> "$GITHUB_PATH"'}
			`,
			result: "failure", want: "failure failure success", has: []string{"$GITHUB_ENV cannot be obeyed", "$GITHUB_STATE cannot be obeyed"},
		},
	})
}

func TestFilesOfTheMachine(t *testing.T) {
	const printf = "it has no printf"
	check(t, []row{
		{
			rule: "4.7: files: a CR stays in a value where lines end in LF", onlyReal: printf,
			steps: `
				- run: printf 'A=b\r\n' >> "$GITHUB_ENV"
				- run: echo "${#A}"
			`,
			want: "success success", rows: []string{"2"},
		},
		{
			rule: "4.7: files: a summary of more than 1 MiB is left out, the step does not fail", onlyReal: printf,
			steps: `
				- run: head -c 1048577 /dev/zero | tr '\0' x >> "$GITHUB_STEP_SUMMARY"
			`,
			want: "success", has: []string{"##[error]The step's summary is left out"},
		},
	})
}

func TestSummaries(t *testing.T) {
	for _, real := range []bool{false, true} {
		f := newFixture(t, real)
		f.task.WorkflowPayload = []byte(row{steps: `
			- run: echo "# One s3cr3t-value" >> "$GITHUB_STEP_SUMMARY"
			- run: echo none
			- uses: ./a
		`}.payload())
		f.files = `
			-- ./a/action.yml --
			runs:
			  using: composite
			  steps:
			  - {shell: bash, run: 'echo two >> "$GITHUB_STEP_SUMMARY"'}
			  - {shell: bash, run: 'echo three >> "$GITHUB_STEP_SUMMARY"'}
		`
		f.run(t)
		if got := f.trace.summaries; len(got) != 2 || got[0] != "# One ***\n" || got[2] != "two\nthree\n" {
			t.Errorf("real %v: summaries %v", real, got)
		}
	}
}
