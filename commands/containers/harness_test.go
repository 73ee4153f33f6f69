//go:build real

package containers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"multirunner/commands/internal/realrun"
	"multirunner/executors/docker/dockertest"
	"multirunner/network/coordinator"
)

// binary is the runner under test, built once.
var binary string

func TestMain(m *testing.M) { realrun.Static(m, &binary) }

// world is a server, an engine, and a directory for a runner.
type world struct {
	t      *testing.T
	engine *client.Client
	g      *realrun.Gitea
	dir    string
	box    string // an image with sh and nc
	redis  string
	uuids  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, engine: dockertest.Engine(t), dir: t.TempDir()}
	w.box = dockertest.Image(t, w.engine, dockertest.Busybox)
	w.redis = dockertest.Image(t, w.engine, dockertest.Redis)
	w.g = realrun.NewGitea(t, coordinator.Options{})
	t.Cleanup(func() {
		for _, label := range w.labels() {
			dockertest.NothingLeft(t, w.engine, label)
			dockertest.Remove(t, w.engine, label)
		}
	})
	return w
}

// registration is a [[runners]] block: linux is the host, box a container.
func (w *world) registration(name, extra string) string {
	row := w.g.AddRunner(coordinator.RunnerSpec{Name: name, Labels: []string{"linux", "box"}})
	w.uuids = append(w.uuids, row.UUID)
	return fmt.Sprintf("[[runners]]\nname = %q\nurl = %q\nuuid = %q\ntoken = %q\nlabels = [\"linux:host\", \"box:docker://%s\"]\n%s\n[runners.docker]\npull_policy = \"never\"\n",
		name, w.g.URL(), row.UUID, row.Token, w.box, extra)
}

// labels are those of everything that the registrations' jobs make.
func (w *world) labels() []string {
	var labels []string
	for _, uuid := range w.uuids {
		labels = append(labels, "multirunner.registration="+uuid)
	}
	return labels
}

// left names what the engine has of the jobs.
func (w *world) left() []string {
	var left []string
	for _, label := range w.labels() {
		left = append(left, dockertest.Left(w.t, w.engine, label)...)
	}
	return left
}

// start starts a runner over the config.toml.
func (w *world) start() *realrun.Runner {
	w.t.Helper()
	return realrun.Run(w.t, binary, w.dir)
}

// clean waits until nothing of the jobs is left anywhere.
func (w *world) clean(r *realrun.Runner) {
	w.t.Helper()
	realrun.Eventually(w.t, 60*time.Second, "nothing of the jobs is left", func() bool { return len(r.Leftovers()) == 0 && len(w.left()) == 0 })
}

// files are those of the workflow's actions: a docker action and a composite
// one that uses it.
func (w *world) files() map[string]string {
	return map[string]string{
		"greet/action.yml": "name: greet\ninputs:\n  who:\n    default: nobody\noutputs:\n  greeting:\n    description: it\nruns:\n  using: docker\n  image: Dockerfile\n  args: [\"${{ inputs.who }}\"]\n",
		"greet/Dockerfile": "FROM " + w.box + "\nCOPY run.sh /run.sh\nENTRYPOINT [\"sh\", \"/run.sh\"]\n",
		"greet/run.sh":     "test -d /github/workspace/greet && echo \"greeting=hello $1\" >> \"$GITHUB_OUTPUT\" && echo made > made-by-action\n",
		"both/action.yml":  "name: both\noutputs:\n  all:\n    value: ${{ steps.one.outputs.greeting }}, ${{ steps.two.outputs.x }}\nruns:\n  using: composite\n  steps:\n    - id: one\n      uses: ./greet\n      with:\n        who: you\n    - id: two\n      shell: sh\n      run: echo x=two >> \"$GITHUB_OUTPUT\"\n",
	}
}

// write puts files into a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// workflow is a job with a service, a docker action and a composite one, each
// of which it asserts. Without a checkout it makes the actions itself. place is
// runs-on and what follows it.
func (w *world) workflow(place string, checkout bool) string {
	var steps strings.Builder
	if checkout {
		steps.WriteString("      - uses: actions/checkout@v4\n")
	} else {
		steps.WriteString("      - run: |\n")
		for name, text := range w.files() {
			fmt.Fprintf(&steps, "          mkdir -p %s\n          cat > %s <<'END'\n%s          END\n", filepath.Dir(name), name, realrun.Indent(quoted(text), 10))
		}
	}
	return "on: push\njobs:\n  job:\n" + realrun.Indent(place, 4) + `    services:
      redis:
        image: ` + w.redis + `
        ports: [6379]
        options: --health-interval 200ms
    steps:
` + steps.String() + `      - name: the service answers
        run: |
          test -n "${{ job.services.redis.ports['6379'] }}"
          printf 'PING\r\n' | nc -w 5 redis 6379 | grep PONG
      - id: greet
        uses: ./greet
        with:
          who: world
      - id: both
        uses: ./both
      - name: the actions have told and made what they should
        run: |
          test "${{ steps.greet.outputs.greeting }}" = "hello world"
          test "${{ steps.both.outputs.all }}" = "hello you, two"
          test "$(cat made-by-action)" = made
          test "$PWD" = "${{ github.workspace }}"
          case "$PWD" in /__w/*) ;; *) exit 1 ;; esac
`
}

// quoted keeps expressions of an action from being the workflow's.
func quoted(text string) string {
	return regexp.MustCompile(`\$\{\{ (.*?) \}\}`).ReplaceAllString(text, "${{ '${{' }} $1 ${{ '}}' }}")
}

// touch makes a file in the job's container of a kind.
func (w *world) touch(what, path string) {
	w.t.Helper()
	for _, one := range w.left() {
		name, isContainer := strings.CutPrefix(one, "container ")
		name, _, _ = strings.Cut(name, " ")
		if !isContainer || !strings.Contains(name, "-"+what+"-") {
			continue
		}
		out, err := exec.Command("docker", "exec", name, "touch", path).CombinedOutput()
		if err != nil {
			w.t.Fatalf("docker exec %s: %v: %s", name, err, out)
		}
		return
	}
	w.t.Fatalf("no container is called %s among %v", what, w.left())
}
