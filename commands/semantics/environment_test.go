//go:build unix

package semantics

import (
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
)

func TestEnvironment(t *testing.T) {
	check(t, []row{
		{
			rule:     "4.4: env of the workflow, of the job, of GITHUB_ENV, of the step: later ones win",
			workflow: `env: {A: workflow, B: workflow, C: workflow, D: workflow}`,
			job:      `env: {B: job, C: job, D: job, SEEN: "${{ env.A }} ${{ env.B }}"}`,
			steps: `
				- run: |
				    echo C=file >> "$GITHUB_ENV"
				    echo D=file >> "$GITHUB_ENV"
				    echo "first $A $B $C $D"
				- {env: {D: step}, run: 'echo "second $A $B $C $D ${{ env.C }} ${{ env.D }} [$SEEN]"'}
				- run: echo "third $D"
			`,
			want: "success success success",
			rows: []string{"first workflow job job job", "second workflow job file step file step [workflow workflow]", "third file"},
		},
		{
			rule: "4.4: what a step writes to GITHUB_ENV its process does not see, its later expressions do",
			steps: `
				- id: s
				  continue-on-error: ${{ env.LATE == 'x=y' }}
				  run: |
				    echo LATE=x=y >> "$GITHUB_ENV"
				    echo "now [$LATE]"
				    exit 1
				- run: |
				    echo "then [$LATE] ${{ env.LATE }}"
			`,
			want: "success success", rows: []string{"now []", "then [x=y] x=y"},
		},
		{
			rule: "4.4: values of several lines",
			steps: `
				- run: |
				    { echo 'M<<END'; echo one; echo; echo two; echo END; } >> "$GITHUB_ENV"
				- run: |
				    echo "$M"
				    echo "$EQUAL"
				  env: {EQUAL: "${{ env.M == format('one{0}{0}two', fromJSON('\"\\n\"')) }}"}
			`,
			want: "success success", rows: []string{"one", "", "two", "true"},
		},
		{
			rule: "4.4: the last addition to PATH comes first, one that is there moves",
			job:  "env: {PATH: '/usr/bin:/bin'}",
			steps: `
				- run: |
				    echo /one >> "$GITHUB_PATH"
				    echo /two >> "$GITHUB_PATH"
				    echo "$PATH"
				- run: |
				    echo "$PATH"
				    echo /three >> "$GITHUB_PATH"
				    echo /one >> "$GITHUB_PATH"
				- run: echo "$PATH"
			`,
			want: "success success success", rows: []string{"/usr/bin:/bin", "/two:/one:/usr/bin:/bin", "/one:/three:/two:/usr/bin:/bin"},
		},
		{
			rule: "4.4: NODE_OPTIONS cannot be set for later steps, the step does not fail",
			steps: `
				- run: |
				    echo NODE_OPTIONS=--require=x >> "$GITHUB_ENV"
				    echo AFTER=counts >> "$GITHUB_ENV"
				- run: echo "[$NODE_OPTIONS] $AFTER"
			`,
			want: "success success", rows: []string{"[] counts"}, has: []string{"##[error]$GITHUB_ENV cannot set NODE_OPTIONS"},
		},
		{
			rule: "4.4: what the runner says of the job no env can change",
			job:  `env: {GITHUB_REPOSITORY: mine, RUNNER_OS: mine, GITHUB_ACTIONS: mine, GITHUB_REF: mine}`,
			steps: `
				- {env: {GITHUB_SHA: mine}, run: 'echo "$GITHUB_REPOSITORY $RUNNER_OS $GITHUB_ACTIONS $GITHUB_REF $GITHUB_SHA ${{ env.GITHUB_REPOSITORY }}"'}
			`,
			want: "success", rows: []string{"probe/demo Linux true refs/heads/main 1111111111111111111111111111111111111111 mine"},
		},
		{rule: "4.4: CI is true unless it is set", steps: "- run: echo \"$CI\"\n- {env: {CI: mine}, run: 'echo \"$CI\"'}", want: "success success", rows: []string{"true", "mine"}},
		{
			rule: "4.4: the github context is in the environment, but neither the token nor the event",
			steps: `
				- run: |
				    echo "$GITHUB_ACTOR $GITHUB_EVENT_NAME $GITHUB_REF_NAME $GITHUB_RUN_ID $GITHUB_RUN_NUMBER $GITHUB_SERVER_URL $GITHUB_JOB"
				    echo "[$GITHUB_TOKEN] [$GITHUB_EVENT]"
			`,
			want: "success", rows: []string{"probe push main 7 3 https://git.example.org a", "[] []"},
		},
		{
			rule: "4.4: event.json is the event",
			steps: `
				- run: |
				    cat "$GITHUB_EVENT_PATH"
				    echo
				    echo "${{ github.event.number }}"
			`,
			want: "success", has: []string{`"number":42`}, rows: []string{"42"},
		},
		{
			rule: "4.4: directories of the job, in contexts and environment",
			steps: `
				- run: echo "${{ runner.os }} ${{ runner.arch }} ${{ runner.name }} $RUNNER_ARCH $RUNNER_NAME [${{ runner.debug }}]"
				- env:
				    A: ${{ runner.temp }}
				    B: ${{ runner.tool_cache }}
				    C: ${{ github.workspace }}
				  run: |
				    echo "$A" > "$RUNNER_TEMP/a"
				    echo "$RUNNER_TEMP" > "$RUNNER_TEMP/b"
				    echo "$B" >> "$RUNNER_TEMP/a"
				    echo "$RUNNER_TOOL_CACHE" >> "$RUNNER_TEMP/b"
				    echo "$C" >> "$RUNNER_TEMP/a"
				    echo "$GITHUB_WORKSPACE" >> "$RUNNER_TEMP/b"
				    cmp "$RUNNER_TEMP/a" "$RUNNER_TEMP/b"
				    [ "$PWD" = "$GITHUB_WORKSPACE" ]
				    echo same
			`,
			onlyReal: "it has no cmp", want: "success success", rows: []string{"Linux X64 team-a X64 team-a []", "same"},
		},
		{
			rule: "4.4: GITHUB_ names have twins for the other servers",
			steps: `
				- {id: s, run: 'echo "$GITEA_REPOSITORY $FORGEJO_REPOSITORY $GITEA_ACTIONS"; echo o=1 >> "$GITEA_OUTPUT"; echo p=2 >> "$FORGEJO_OUTPUT"'}
				- run: echo "${{ steps.s.outputs.o }}${{ steps.s.outputs.p }} ${{ gitea.actor }}"
			`,
			want: "success success", rows: []string{"probe/demo probe/demo true", "12 probe"},
		},
		{
			rule: "4.4: GITHUB_ACTION is the step's id or a name made for it, whose outputs are not kept",
			steps: `
				- run: |
				    echo "$GITHUB_ACTION"
				    echo o=1 >> "$GITHUB_OUTPUT"
				- run: echo "$GITHUB_ACTION"
				- {id: mine, run: 'echo "$GITHUB_ACTION ${{ github.action }} [${{ steps.__run.outputs.o }}]"'}
				- {uses: octo/ok@v1, with: {n: "${{ github.action }}"}}
			`,
			files: parted, want: "success success success success", rows: []string{"__run", "__run_2", "mine mine []", "main __octo_ok"},
		},
		{
			rule: "4.4: INPUT_ names are upper case with _ for spaces, and only actions on node have them",
			steps: `
				- {uses: octo/in@v1, with: {"my word": a b, Dash-Ed: c}}
				- {uses: ./a, with: {n: x}}
				- run: echo "run [$INPUT_MY_WORD] [$INPUT_N]"
			`,
			files: `
				-- octo/in@v1/action.yml --
				inputs: {my word: {}, dash-ed: {}, more: {default: "${{ github.actor }}"}}
				runs: {using: node20, main: main.js}
				-- octo/in@v1/main.js --
				echo "node $INPUT_MY_WORD $INPUT_MORE"
				printenv INPUT_DASH-ED
				-- ./a/action.yml --
				inputs: {n: {}}
				runs: {using: composite, steps: [{shell: bash, run: 'echo "composite [$INPUT_N] ${{ inputs.n }}"'}]}
			`,
			want: "success success success", rows: []string{"node a b probe", "c", "composite [] x", "run [] []"},
		},
		{
			rule: "4.4: the runtime token is for actions on node, not for run steps",
			steps: `
				- uses: octo/a@v1
				- run: echo "run [$ACTIONS_RUNTIME_TOKEN] [$ACTIONS_RUNTIME_URL]"
			`,
			files: `
				-- octo/a@v1/action.yml --
				runs: {using: node20, main: main.js}
				-- octo/a@v1/main.js --
				echo "node [$ACTIONS_RUNTIME_TOKEN]"
			`,
			want: "success success", rows: []string{"node [***]", "run [] []"},
		},
		{
			rule: "4.4: run steps may ask for an identity token where the server offers one",
			change: func(_ *testing.T, f *fixture) {
				f.task.Context.Fields["actions_id_token_request_url"] = structpb.NewStringValue("https://git.example.org/id")
				f.task.Context.Fields["actions_id_token_request_token"] = structpb.NewStringValue("the-id-token")
			},
			steps: `- run: echo "$ACTIONS_ID_TOKEN_REQUEST_URL $ACTIONS_ID_TOKEN_REQUEST_TOKEN"`,
			want:  "success", rows: []string{"https://git.example.org/id ***"},
		},
		{
			rule: "4.4: STATE_ is for the post part of the same use",
			steps: `
				- uses: octo/s@v1
				- {run: 'echo "run [$STATE_one]"'}
			`,
			files: `
				-- octo/s@v1/action.yml --
				runs: {using: node20, main: main.js, post: post.js}
				-- octo/s@v1/main.js --
				echo one=1 >> $GITHUB_STATE
				echo ::save-state name=two::2
				-- octo/s@v1/post.js --
				echo "post $STATE_one $STATE_two"
			`,
			want: "success success", rows: []string{"run []", "post 1 2"},
		},
		{
			rule:  "4.4: the env context minds case, other contexts do not",
			job:   "env: {name: lower, NAME: upper}",
			steps: `- run: echo "${{ env.name }} ${{ env.NAME }} [${{ env.Name }}] ${{ vars.myvar }} ${{ GitHub.ACTOR }}"`,
			want:  "success", rows: []string{"lower upper [] v1 probe"},
		},
		{
			rule:  "4.4: strategy and matrix, with their types",
			job:   `strategy: {fail-fast: false, max-parallel: 3, matrix: {n: [1], on: [true], o: [{k: [a, b]}]}}`,
			steps: `- run: echo "${{ matrix.n == 1 }} ${{ matrix.on == true }} ${{ matrix.o.k[1] }} ${{ strategy.fail-fast }} ${{ strategy.max-parallel }} ${{ strategy.job-total }}"`,
			want:  "success", rows: []string{"true true b false 3 1"},
		},
	})
}
