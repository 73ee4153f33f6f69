//go:build unix

package semantics

import (
	"context"
	"errors"
	"io"
	"testing"

	"multirunner/common"
	"multirunner/executors/dummy"
)

// dockerActions are actions that are images; what these run is in dockerImages.
const dockerActions = `
	-- octo/parts@v1/action.yml --
	inputs: {n: {default: "?"}}
	runs:
	  using: docker
	  image: docker://parts
	  pre-entrypoint: /pre
	  entrypoint: /main
	  post-entrypoint: /post
	  args: ["${{ inputs.n }}", two words]
	-- octo/if@v1/action.yml --
	runs: {using: docker, image: 'docker://parts', pre-entrypoint: /pre, pre-if: "github.ref == 'none'", entrypoint: /main, post-entrypoint: /post, post-if: failure()}
	-- octo/file@v1/Dockerfile --
	FROM scratch
	-- octo/env@v1/action.yml --
	inputs: {who am i: {default: me}}
	runs:
	  using: docker
	  image: Dockerfile
	  env: {FROM_MANIFEST: "of ${{ inputs['who am i'] }}", FROM_BOTH: of the manifest}
	-- octo/env@v1/Dockerfile --
	FROM scratch
	-- octo/leaks@v1/action.yml --
	runs: {using: docker, image: 'docker://parts', entrypoint: /main, args: ["${{ github.sha }}"]}
	-- octo/node@v1/action.yml --
	inputs: {n: {}}
	runs: {using: node20, main: main.js, post: main.js}
	-- octo/node@v1/main.js --
	echo node $INPUT_N
	-- octo/wrap@v1/action.yml --
	inputs: {n: {}}
	outputs: {said: {value: "${{ steps.inner.outputs.said }}"}}
	runs:
	  using: composite
	  steps:
	  - {uses: octo/node@v1, with: {n: "${{ inputs.n }}n"}}
	  - {id: inner, uses: octo/parts@v1, with: {n: "${{ inputs.n }}d"}}
	  - {uses: 'docker://echo', with: {args: "echo of an image in it"}}
	  - {shell: sh, run: "echo ${{ github.action_path }}"}
	-- ./local/action.yml --
	runs: {using: docker, image: Dockerfile, pre-entrypoint: /pre, post-entrypoint: /post}
	-- ./local/Dockerfile --
	FROM scratch
`

func dockerImages() *dummy.Engine {
	return &dummy.Engine{Images: map[string]string{
		"built:file@v1": "echo a Dockerfile alone $DUMMY_ARGS",
		"built:env@v1":  "echo $FROM_MANIFEST, $FROM_BOTH, $FROM_STEP, $INPUT_WHO_AM_I, $HOME, $GITHUB_WORKSPACE, $RUNNER_OS, path [$PATH]",
		"built:local":   "echo local; echo from=main >> $GITHUB_STATE",
		"talks": `echo said=hi >> $GITHUB_OUTPUT
			echo WRITTEN=env >> $GITHUB_ENV
			echo /github/workspace/bin >> $GITHUB_PATH
			echo '::add-mask::hidden-value'
			echo 'a hidden-value'
			echo '::error file=/github/workspace/a.go,line=2::boom'`,
		"fails":  "echo x; exit 7",
		"sleeps": "echo ready; sleep 30",
	}}
}

// playing plays the entrypoints of the actions.
func playing(_ *testing.T, f *fixture) {
	say := func(name, script string) {
		f.dummy.Commands = append(f.dummy.Commands, dummy.Reaction{
			Match: func(c *dummy.Call) bool { return c.Command.Path == name },
			Run: func(ctx context.Context, c *dummy.Call) (common.ExitStatus, error) {
				args := ""
				for _, arg := range c.Command.Args {
					args += "[" + arg + "]"
				}
				c.Text = "echo '" + name + args + "'\"<$STATE_from>\"\n" + script
				return c.Interpret(ctx), nil
			},
		})
	}
	say("/pre", "echo from=pre >> $GITHUB_STATE")
	say("/main", "echo said=main >> $GITHUB_OUTPUT\necho from=main >> $GITHUB_STATE")
	say("/post", "")
}

func TestDockerActions(t *testing.T) {
	check(t, []row{
		{
			rule: "4.9: entrypoint and args of a step for an image",
			steps: `
				- {uses: 'docker://echo', with: {entrypoint: echo, args: 'a "b  c" ${{ vars.MYVAR }}'}}
				- {uses: 'docker://echo', with: {entrypoint: sh, args: '-c "echo $INPUT_ARGS"'}}
			`,
			engine: dockerImages(), want: "success success",
			rows: []string{"a b  c v1", `-c "echo $INPUT_ARGS"`}, not: []string{"Unexpected input"},
		},
		{
			rule: "4.9: parts of a docker action: pre first, post last to begin first, arguments for all, state between them",
			steps: `
				- {uses: octo/parts@v1, with: {n: A}}
				- {uses: octo/node@v1, with: {n: B}}
				- {uses: octo/parts@v1, with: {n: C}}
			`,
			files: dockerActions, engine: dockerImages(), change: playing, want: "success success success",
			rows: []string{
				"/pre[A][two words]<>", "/pre[C][two words]<>", "/main[A][two words]<pre>", "node B", "/main[C][two words]<pre>",
				"node B", "/post[C][two words]<main>", "/post[A][two words]<main>",
			},
		},
		{
			rule:  "4.9: pre-if and post-if of a docker action",
			steps: "- uses: octo/if@v1\n- {uses: octo/if@v1, if: false}\n- run: exit 1\n",
			files: dockerActions, engine: dockerImages(), change: playing, want: "success skipped failure", result: "failure",
			rows: []string{"/main<>", "/post<main>"}, not: []string{"/pre"},
		},
		{
			rule:  "4.9: a Dockerfile without a manifest is an action",
			steps: "- {uses: octo/file@v1, with: {args: a b, other: c}}",
			files: dockerActions, engine: dockerImages(), want: "success",
			rows: []string{"##[warning]Unexpected input(s) 'other', valid inputs are ['entryPoint', 'args']", "a Dockerfile alone a b"},
		},
		{
			rule: "4.9: env of the manifest does not override the step's; HOME and the workspace are the container's; PATH is the image's",
			steps: `
				- run: echo /opt/added >> "$GITHUB_PATH"
				- {uses: octo/env@v1, env: {FROM_BOTH: of the step, FROM_STEP: step, HOME: /elsewhere}}
			`,
			files: dockerActions, engine: dockerImages(), want: "success success",
			rows: []string{"of me, of the step, step, me, /github/home, /github/workspace, Linux, path []"},
		},
		{
			rule:  "4.5: args see inputs only",
			steps: "- {uses: octo/leaks@v1, continue-on-error: true}\n- run: echo on",
			files: dockerActions, engine: dockerImages(), change: playing, want: "success success",
			has: []string{"##[error]octo/leaks@v1: action.yml:1: runs.args[0]: "}, rows: []string{"on"}, not: []string{"/main<"},
		},
		{
			rule: "4.7: outputs, environment, masks and paths of a docker action",
			steps: `
				- {id: a, uses: 'docker://talks'}
				- run: echo "${{ steps.a.outputs.said }} $WRITTEN $PATH"
			`,
			job: "outputs: {o: '${{ steps.a.outputs.said }}'}", engine: dockerImages(), want: "success success",
			rows: []string{"a ***", "##[error]a.go:2: boom"}, has: []string{"hi env /dummy/"}, not: []string{"/github/workspace/bin", "hidden"},
			output: map[string]string{"o": "hi"},
		},
		{
			rule:   "4.9: a docker action that fails",
			steps:  "- {id: a, uses: 'docker://fails', continue-on-error: true}\n- run: echo ${{ steps.a.outcome }} ${{ steps.a.conclusion }}\n- uses: docker://fails\n",
			engine: dockerImages(), want: "success success failure", result: "failure",
			rows: []string{"x", "##[error]Docker run failed with exit code 7.", "failure success", "x", "##[error]Docker run failed with exit code 7."},
		},
		{
			rule:   "4.3: a docker action has the step's timeout",
			steps:  "- {uses: 'docker://sleeps', timeout-minutes: 0.005}\n- {if: failure(), run: echo after}\n",
			engine: dockerImages(), want: "failure success", result: "failure", rows: []string{"ready"}, has: []string{"has timed out after 0.005 minutes"},
		},
		{
			rule:  "4.3: a cancelled docker action, and the post part of another",
			steps: "- {uses: octo/parts@v1}\n- uses: docker://sleeps\n- run: echo not reached\n",
			files: dockerActions, engine: dockerImages(), change: playing, stop: common.StopServer,
			want: "success cancelled skipped", result: "cancelled", rows: []string{"ready", "/post[?][two words]<main>"}, not: []string{"not reached"},
		},
		{
			rule: "4.2: docker actions in composite actions, and of the workspace",
			steps: `
				- {id: w, uses: octo/wrap@v1, with: {n: A}}
				- run: echo "${{ steps.w.outputs.said }}"
				- uses: ./local
			`,
			files: dockerActions, engine: dockerImages(), change: playing, want: "success success success",
			rows: []string{
				"/pre[Ad][two words]<>", "node An", "/main[Ad][two words]<pre>", "of an image in it", "main",
				"##[warning]The pre part of the action ./local is not run: it comes from the workspace, which was empty when pre parts ran",
				"local", "/post<main>", "/post[Ad][two words]<main>", "node An",
			},
		},
		{
			rule:  "4.2: images are there before the first step, each once; one that is not to be had fails the job",
			steps: "- run: echo first\n- {if: false, uses: 'docker://none'}\n",
			engine: &dummy.Engine{PrepareImage: func(_ context.Context, image common.ActionImage, log io.Writer) (string, error) {
				_, _ = io.WriteString(log, "looking for "+image.Image+"\n")
				return "", errors.New("not in the registry")
			}},
			want: "skipped skipped", result: "failure", not: []string{"first"},
			rows: []string{"##[group]Image none", "looking for none", "##[endgroup]", "##[error]action docker://none: there is no image for it: not in the registry"},
		},
	})
}

func TestContainers(t *testing.T) {
	check(t, []row{
		{
			rule: "4.10: a job in a container has the container's paths in variables and contexts",
			job:  "container: {image: 'node:${{ vars.MYVAR }}', env: {A: of the container, B: of the container}}\nenv: {B: of the job}",
			steps: `
				- run: |
				    echo "$GITHUB_WORKSPACE $RUNNER_TEMP $HOME $RUNNER_OS"
				    echo "${{ github.workspace }} ${{ runner.temp }} ${{ runner.tool_cache }} ${{ runner.os }}"
				    echo "$A, $B, [${{ env.A }}]"
				    echo "${{ job.container.id }} ${{ job.container.network }} ${{ job.status }}"
				- uses: octo/wrap@v1
				- {uses: octo/env@v1, env: {FROM_STEP: "${{ github.workspace }}"}}
			`,
			files: dockerActions, engine: dockerImages(), change: playing, want: "success success success",
			rows: []string{
				"/__w/work/work /__w/_temp /github/home Linux", "/__w/work/work /__w/_temp /__t Linux", "of the container, of the job, []",
				"container-1 network-1 success", "/__a/1", "of me, of the manifest, /github/workspace, me, /github/home, /github/workspace, Linux, path []",
			},
		},
		{
			rule: "4.8: the shell is looked for in the container",
			job:  "container: alpine", steps: "- run: echo by sh", engine: &dummy.Engine{},
			change: func(_ *testing.T, f *fixture) { f.dummy.Missing = []string{"bash"} },
			want:   "success", rows: []string{"by sh"},
		},
		{
			rule: "4.10: services and their ports",
			job:  "services: {db: {image: redis, ports: [6379, '8080:80']}, none: {image: '${{ vars.NONE }}'}, web: nginx}",
			steps: `
				- run: |
				    echo "${{ job.services.db.ports['6379'] }} ${{ job.services.db.ports['80'] }} ${{ job.services.web.id }} ${{ job.services.db.network }}"
				    echo "[${{ job.services.none.id }}] [${{ job.container.id }}] ${{ job.container.network }}"
			`,
			engine: &dummy.Engine{}, want: "success",
			rows: []string{"The service none is left out: its image is empty.", "32768 8080 service-web network-1", "[] [] network-1"},
		},
		{
			rule: "4.10: an image that is empty is no container",
			job:  "container: {image: '${{ vars.NONE }}'}\nservices: {}", steps: "- run: 'echo [${{ job.container.id }}]'",
			engine: &dummy.Engine{}, want: "success", rows: []string{"[]"},
		},
		{
			rule: "4.5: what containers see of contexts, credentials masked",
			job: `
				env: {FROM: env}
				container: {image: 'x', credentials: {username: me, password: pass-of-mine}}
				services: {db: {image: y, env: {A: '${{ env.FROM }} ${{ vars.MYVAR }} ${{ secrets.MYSECRET }}'}}}
			`,
			steps: "- run: echo pass-of-mine",
			engine: &dummy.Engine{Require: func(asked common.JobContainers) error {
				if got := asked.Services[0].Env; len(got) != 1 || got[0] != "A=env v1 s3cr3t-value" {
					return errors.New("the env is " + got[0])
				}
				return nil
			}},
			want: "success", rows: []string{"***"},
		},
		{
			rule: "4.10: what the engine refuses fails the job before anything is made",
			job:  "container: x", steps: "- run: echo x",
			engine: &dummy.Engine{Require: func(common.JobContainers) error { return errors.New("container.image: x is not allowed here") }},
			want:   "skipped", result: "failure", has: []string{`##[error]job "a": container.image: x is not allowed here`},
		},
		{
			rule: "4.10: without an engine a job that asks for containers fails, and says so",
			job:  "services: {db: redis}", steps: "- run: echo x",
			want: "skipped", result: "failure", has: []string{`##[error]job "a" needs service containers (services)`},
		},
	})
}
