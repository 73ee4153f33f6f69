package engine

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"multirunner/common"
)

// inJobWith makes a payload of one job with these keys besides its steps.
func inJobWith(keys, list string) string {
	return strings.Replace(steps(list), "    steps:\n", indent(dedent(keys), "    ")+"    steps:\n", 1)
}

func TestWhatAJobAsksOfContainers(t *testing.T) {
	tests := []struct {
		claim, keys string
		want        common.JobContainers
	}{
		{"nothing", "timeout-minutes: 5", common.JobContainers{}},
		{"an image", "container: node:20", common.JobContainers{Job: &common.Container{Image: "node:20"}}},
		{"one with a scheme", "container: docker://node:20", common.JobContainers{Job: &common.Container{Image: "node:20"}}},
		{"one that looks like a number", "container: {image: 1.10}", common.JobContainers{Job: &common.Container{Image: "1.10"}}},
		{"an image of an expression", "container: 'node:${{ vars.MYVAR }}'", common.JobContainers{Job: &common.Container{Image: "node:v1"}}},
		{"an object of an expression", `container: "${{ fromJSON('{\"image\":\"node\",\"ports\":[80],\"env\":{\"A\":1}}') }}"`,
			common.JobContainers{Job: &common.Container{Image: "node", Ports: []string{"80"}, Env: []string{"A=1"}}}},
		{"no image", "container: ''", common.JobContainers{}},
		{"an expression that gives none", "container: \"${{ vars.NONE }}\"", common.JobContainers{}},
		{"false", "container: \"${{ vars.NONE && 'node' }}\"", common.JobContainers{}},
		{"a mapping whose image gives none", "container: {image: \"${{ vars.NONE }}\", options: --cpus 1}", common.JobContainers{}},
		{"everything", `
			env: {TOP: top}
			container:
			  image: " registry.example.org/a "
			  credentials: {username: me, password: "${{ secrets.MYSECRET }}"}
			  env: {A: 1.10, B: "${{ env.TOP }}", http_proxy: x, HTTP_PROXY: y, EMPTY: }
			  ports: [80, "8080:80/udp", "${{ vars.NONE }}"]
			  volumes: [/a:/b, "${{ vars.MYVAR }}:/c:ro"]
			  options: --cpus ${{ matrix.none || 1 }}
		`, common.JobContainers{Job: &common.Container{
			Image: "registry.example.org/a", Username: "me", Password: common.NewSecret("s3cr3t-value"),
			Env:   []string{"A=1.10", "B=top", "http_proxy=x", "HTTP_PROXY=y", "EMPTY="},
			Ports: []string{"80", "8080:80/udp"}, Volumes: []string{"/a:/b", "v1:/c:ro"}, Options: "--cpus 1",
		}}},
		{"services in their order", `
			services:
			  web: nginx
			  none: {image: "${{ vars.NONE }}"}
			  db:
			    image: postgres:17
			    env: {POSTGRES_PASSWORD: "${{ secrets.MYSECRET }}"}
			    ports: ["5432:5432"]
			    options: >-
			      --health-cmd pg_isready
			      --health-interval 1s
			    entrypoint: /start
			    command: postgres -c fsync=off
			  old: {image: redis, cmd: [redis-server, --save, 'a "b"']}
		`, common.JobContainers{Services: []common.Container{
			{ID: "web", Image: "nginx"},
			{
				ID: "db", Image: "postgres:17", Env: []string{"POSTGRES_PASSWORD=s3cr3t-value"}, Ports: []string{"5432:5432"},
				Options: "--health-cmd pg_isready --health-interval 1s", Entrypoint: "/start", Command: "postgres -c fsync=off",
			},
			{ID: "old", Image: "redis", Command: `"redis-server" "--save" "a \"b\""`},
		}}},
		{"services of an expression", `services: "${{ fromJSON('{\"db\":{\"image\":\"redis\"}}') }}"`,
			common.JobContainers{Services: []common.Container{{ID: "db", Image: "redis"}}}},
		{"services that are none", `services: "${{ vars.NONE }}"`, common.JobContainers{}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, inJobWith(test.keys, "- run: out x"))
			f := b.contained()
			b.run()
			b.wantResult(success)
			if len(f.asked) != 1 || !reflect.DeepEqual(f.asked[0], test.want) {
				t.Errorf("it asks for\n%+v\nwant\n%+v", f.asked, test.want)
			}
			if got := strings.Join(b.executor.calls, " "); got != "Require Prepare StopBackground Cleanup" {
				t.Errorf("calls: %s", got)
			}
		})
	}
}

func TestContainersThatCannotBeRead(t *testing.T) {
	tests := []struct{ claim, keys, row string }{
		{"an image that is a list", "container: \"${{ fromJSON('[1]') }}\"", `job "a": container: must be a text, not a value of type Array`},
		{"an expression that cannot be read", "container: {image: \"${{ nonsense }}\"}", `job "a": container.image: `},
		{"ports that are a text", "container: {image: x, ports: \"${{ '80' }}\"}", `job "a": container.ports: must be a list, not a value of type String`},
		{"a port that is a list", "container: {image: x, ports: [\"${{ fromJSON('[1]') }}\"]}", `job "a": container.ports[0]: must be a text`},
		{"in an object of an expression", `container: "${{ fromJSON('{\"image\":\"x\",\"volumes\":[\"a\",{}]}') }}"`, `job "a": container: volumes[1] must be a text`},
		{"env that is a list", "container: {image: x, env: \"${{ fromJSON('[1]') }}\"}", `job "a": container.env: must be a mapping`},
		{"env that no process can have", "container: {image: x, env: {'A=B': c}}", `job "a": container.env: has the variable "A=B"`},
		{"credentials that are a text", "container: {image: x, credentials: \"${{ 'me' }}\"}", `job "a": container.credentials: must be a mapping`},
		{"of a service", "services: {db: {image: x, options: \"${{ fromJSON('{}') }}\"}}", `job "a": services.db.options: must be a text`},
		{"services that are a text", "services: \"${{ 'redis' }}\"", `job "a": services: must be a mapping`},
		{"a service that no network can name", "services: {'a b': redis}", `job "a": services.a b: is the name that the service's container has`},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, inJobWith(test.keys, "- run: out x"))
			f := b.contained()
			b.run()
			b.wantResults("skipped")
			b.wantRow("##[error]payload of task 11:", test.row)
			if len(f.asked) > 0 {
				t.Errorf("it asks for %+v", f.asked)
			}
		})
	}
}

func TestWhatTheExecutorRefusesFailsTheJob(t *testing.T) {
	b := newBench(t, inJobWith("services: {db: redis}", "- run: out x"))
	b.contained().require = errors.New("services.db.image: redis is not among allowed_services")
	b.run()
	b.wantResults("skipped")
	b.wantRow(`##[error]job "a": services.db.image: redis is not among allowed_services`)
	if got := strings.Join(b.executor.calls, " "); got != "Require Cleanup" {
		t.Errorf("calls: %s", got)
	}
}

func TestEverythingThatTheExecutorRefusesIsTold(t *testing.T) {
	b := newBench(t, inJobWith("services: {db: redis}", "- run: out x"))
	b.contained().require = errors.Join(errors.New("services.db.image: not allowed"), errors.New("services.db.options: not allowed either"))
	b.run()
	b.wantResult(failure)
	b.wantRow(`##[error]job "a": services.db.image: not allowed`)
	b.wantRow(`##[error]job "a": services.db.options: not allowed either`)
}

func TestCredentialsOfImages(t *testing.T) {
	b := newBench(t, inJobWith("container: {image: x, credentials: {username: me, password: plain-password}}", "- run: out plain-password"))
	b.contained()
	b.run()
	b.wantRows(0, "***")

	// A pull request of a fork has no secrets.
	b = newBench(t, inJobWith("container: {image: x, credentials: {username: me, password: \"${{ secrets.NONE }}\"}}", "- run: out x"))
	f := b.contained()
	b.run()
	b.wantResult(success)
	b.wantRow("##[warning]", "container.credentials: the password is empty", "x")
	if got := f.asked[0].Job; got.Username != "" || !got.Password.IsZero() {
		t.Errorf("credentials of %q", got.Username)
	}

	b = newBench(t, inJobWith("container: {image: x, credentials: \"${{ vars.NONE }}\"}", "- run: out x"))
	b.contained()
	b.run()
	b.wantResult(success)
	b.wantNoRow("##[warning]")
}

func TestWhatAJobInAContainerSees(t *testing.T) {
	b := newBench(t, inJobWith(`
		container: {image: node, env: {A: of the container, B: of the container}}
		services: {db: {image: redis, ports: [6379]}}
		env: {B: of the job}
	`, `
		- run: out $A $B $GITHUB_WORKSPACE $RUNNER_TEMP $RUNNER_TOOL_CACHE $RUNNER_WORKSPACE $GITHUB_EVENT_PATH $RUNNER_OS $RUNNER_ARCH
		- run: out ${{ env.A }}[] ${{ github.workspace }} ${{ runner.temp }} ${{ runner.tool_cache }} ${{ runner.os }} ${{ runner.arch }}
		- run: out ${{ job.container.id }} ${{ job.container.network }} ${{ job.services.db.id }} ${{ job.services.db.network }} ${{ job.services.db.ports['6379'] }} ${{ job.status }}
		- run: out ${{ toJSON(job.services.web) }}
	`))
	b.machine = MachineInfo{OS: "macOS", Arch: "ARM64", Description: "macOS 15"}
	f := b.contained()
	f.running = common.RunningContainers{
		Container: "c1", Network: "n1", System: "Alpine Linux v3.20",
		Services: []common.RunningService{{ID: "db", Container: "c2", Ports: map[string]string{"6379": "32768"}}},
	}
	b.run()
	b.wantResult(success)
	b.wantRows(0, "of the container of the job /__w/demo/demo /__w/_temp /__t /__w/demo /__w/_temp/_github_workflow/event.json Linux ARM64")
	b.wantRows(1, "[] /__w/demo/demo /__w/_temp /__t Linux ARM64")
	b.wantRows(2, "c1 n1 c2 n1 32768 success")
	b.wantRows(3, "null")
	b.wantRow("System: macOS ARM64, macOS 15")
	b.wantRow("System of the job's container: Linux ARM64, Alpine Linux v3.20")
}

func TestTheArchitectureIsThatOfTheContainer(t *testing.T) {
	b := newBench(t, inJobWith("container: node", "- run: out ${{ runner.os }} ${{ runner.arch }}"))
	b.machine = MachineInfo{OS: "Windows", Arch: "X64"}
	b.contained().running = common.RunningContainers{Container: "c1", Arch: "arm64"}
	b.run()
	b.wantRows(0, "Linux ARM64")
	b.wantRow("System of the job's container: Linux ARM64")
}

func TestAJobWithServicesOnTheHost(t *testing.T) {
	b := newBench(t, inJobWith("services: {db: {image: redis, ports: [6379]}}", "- run: out ${{ github.workspace }} ${{ runner.os }} ${{ job.container.network }} ${{ job.container.id }}. ${{ job.services.db.ports[6379] }}"))
	b.machine = MachineInfo{OS: "macOS", Arch: "ARM64"}
	b.contained().running = common.RunningContainers{
		Network: "n1", Services: []common.RunningService{{ID: "db", Container: "c2", Ports: map[string]string{"6379": "32768"}}},
	}
	b.run()
	b.wantRows(0, "/job/work/demo macOS n1 . 32768")
	b.wantNoRow("System of the job's container")
}

func TestTheJobContextOfAJobWithoutContainers(t *testing.T) {
	b := newBench(t, steps("- run: out ${{ join(job.*, ',') }} ${{ job.container.id }}."))
	b.contained()
	b.run()
	b.wantRows(0, "success .")
}

func TestTheShellIsLookedForInTheContainer(t *testing.T) {
	b := newBench(t, inJobWith("container: alpine", "- run: out x"))
	f := b.contained()
	f.missing = []string{"bash"}
	b.run()
	b.wantResult(success)
	b.wantRow("shell: /usr/bin/sh -e {0}")
}
