package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multirunner/commands/control"
)

// controlled is a runner in this process with a state directory that is known.
type controlled struct {
	*running
	w    *world
	dir  string
	flag []string
}

func startControlled(t *testing.T, config string) *controlled {
	t.Helper()
	dir, err := os.MkdirTemp("", "st")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return startControlledIn(t, config, dir)
}

func startControlledIn(t *testing.T, config, dir string) *controlled {
	t.Helper()
	c := &controlled{running: startRun(t, config, "--working-directory", dir), w: newWorld(t), dir: dir}
	c.flag = []string{"--working-directory", dir}
	c.eventually("it can be talked to", func() bool {
		_, err := os.Stat(filepath.Join(dir, control.SocketName))
		return err == nil
	})
	return c
}

// says runs a verb against the runner and gives what it prints.
func (c *controlled) says(verb string, args ...string) string {
	c.t.Helper()
	line := append(append([]string{verb}, c.flag...), args...)
	c.w.must(c.t, line...)
	return c.w.stdout.String()
}

func (c *controlled) list() []listed {
	c.t.Helper()
	return fromJSON[[]listed](c.t, c.says("list", "-c", c.config, "--json"))
}

const quietConfig = "concurrent = 2\ncheck_interval = \"50ms\"\n"

func TestAPauseShowsInTheListAndOutlivesARestart(t *testing.T) {
	server := newInstance(t)
	config := quietConfig + registrationBlock(server, "team-a") + registrationBlock(server, "team-b")
	c := startControlled(t, config)
	c.eventually("both are well", func() bool {
		rows := c.list()
		return rows[0].Live.Status == "ok" && rows[1].Live.Status == "ok"
	})
	if got := c.says("pause", "--name", "team-a"); got != "paused team-a\n" {
		t.Errorf("pause: %q", got)
	}
	if got := c.says("pause"); got != "paused team-b\npaused before: team-a\n" {
		t.Errorf("pause of all: %q", got)
	}
	if got := c.says("resume", "--name", "team-b", "--json"); strings.Join(fromJSON[control.Changed](t, got).Changed, ",") != "team-b" {
		t.Errorf("resume: %q", got)
	}
	rows := c.list()
	if rows[0].Live.Status != "paused" || !rows[0].Live.Paused || rows[0].Live.NextPoll != nil || rows[1].Live.Paused {
		t.Errorf("%+v %+v", rows[0].Live, rows[1].Live)
	}
	text := c.says("list", "-c", c.config)
	contains(t, text, "LIMIT  STATUS", "NEXT POLL", "none   paused", "-")
	c.w.fails(t, append([]string{"pause", "--name", "team-c"}, c.flag...), `no registration named "team-c"`, "did you mean team-")
	c.stop()

	again := startControlledIn(t, config, c.dir)
	if rows := again.list(); rows[0].Live.Status != "paused" || rows[1].Live.Paused {
		t.Errorf("after a restart: %+v %+v", rows[0].Live, rows[1].Live)
	}
	if got := again.says("resume"); got != "resumed team-a\nnot paused: team-b\n" {
		t.Errorf("resume of all: %q", got)
	}
	again.eventually("it polls again", func() bool { return again.list()[0].Live.Status == "ok" })
}

func TestARunnerIsFoundByItsConfiguration(t *testing.T) {
	server := newInstance(t)
	dir := t.TempDir()
	config := quietConfig + "state_dir = " + `"` + filepath.ToSlash(dir) + `"` + "\n" + registrationBlock(server, "team-a")
	c := startControlledIn(t, config, dir) // the path of its socket is long perhaps
	c.flag = []string{"-c", c.config}
	if got := c.says("jobs"); got != "no jobs\n" {
		t.Errorf("jobs: %q", got)
	}
	if got := c.says("jobs", "--json"); got != "[]\n" {
		t.Errorf("jobs: %q", got)
	}
	c.w.fails(t, []string{"cancel", "-c", c.config, "5"}, "no job with task 5", "runner jobs")
}

func TestDrainWaitsUntilTheRunnerHasEnded(t *testing.T) {
	server := newInstance(t)
	c := startControlled(t, quietConfig+registrationBlock(server, "team-a"))
	if got := c.says("drain", "--no-wait"); !strings.HasPrefix(got, "draining") {
		t.Errorf("drain: %q", got)
	}
	c.eventually("its socket is gone", func() bool {
		_, err := os.Lstat(filepath.Join(c.dir, control.SocketName))
		return err != nil
	})
	c.w.fails(t, append([]string{"drain"}, c.flag...), "no runner is running with the state directory "+c.dir, "--working-directory", "-c")
	c.stop()
}

func TestVerbsThatNeedARunnerSayWhenThereIsNone(t *testing.T) {
	w := newWorld(t)
	config := tomlFile(t, goodConfig)
	for _, verb := range [][]string{{"jobs"}, {"pause"}, {"resume"}, {"drain"}, {"cancel", "1"}} {
		args := append([]string{verb[0], "-c", config}, verb[1:]...)
		w.fails(t, args, "no runner is running with the state directory "+filepath.Join(w.getenv["XDG_STATE_HOME"], "runner"))
	}
	w.fails(t, []string{"jobs", "-c", filepath.Join(t.TempDir(), "none.toml")}, "which runner is meant?", "none.toml", "--working-directory")
	w.fails(t, []string{"pause", "--name", ""}, "--name is empty")
	for _, args := range [][]string{{"cancel"}, {"cancel", "one"}, {"cancel", "1", "2"}, {"cancel", "0"}} {
		w.fails(t, args, "runner jobs shows them")
	}
}

func TestDurationsForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1400 * time.Millisecond: "1s", 61 * time.Second: "1m1s", 3*time.Hour + 4*time.Minute: "3h4m", 49 * time.Hour: "2d1h",
	} {
		if got := shortly(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

func TestTextsOfOthersAreFitForATerminal(t *testing.T) {
	if got := plain("a\x1b[31m\nb" + strings.Repeat("x", 100)); strings.ContainsAny(got, "\x1b\n") || len([]rune(got)) != textMax {
		t.Errorf("got %q", got)
	}
}

func TestStepsForPeople(t *testing.T) {
	for want, job := range map[string]control.Job{
		"2 Build": {Step: 2, StepName: "Build", Stage: "step_2"}, "set up": {Stage: "prepare"}, "complete": {Stage: "complete"}, "": {},
	} {
		if got := stepOf(job); got != want {
			t.Errorf("%+v: %q, want %q", job, got, want)
		}
	}
}
