package contract

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func testBackground(t *testing.T, h Harness) {
	t.Run("a child that holds the output neither fails nor delays", func(t *testing.T) {
		p := prepare(t, h)
		began := time.Now()
		if status, out := p.run(t, "sleep 300 & echo now; exit 0"); !status.Success() || out != "now\n" {
			t.Errorf("status %+v, output %q", status, out)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		if err := p.StopBackground(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("what it writes later goes elsewhere", func(t *testing.T) {
		p := prepare(t, h)
		var out, late buffer
		cmd := p.sh("{ sleep 1; echo late; sleep 300; } & echo now")
		cmd.Stdout, cmd.Stderr, cmd.Late = &out, &out, &late
		if _, err := p.Run(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
		atEnd := out.String()
		eventually(t, "the late line arrives", late.contains("late\n"))
		if atEnd != "now\n" || out.String() != atEnd || late.String() != "late\n" {
			t.Errorf("output %q, then %q, late %q", atEnd, out.String(), late.String())
		}
	})
	t.Run("it serves later commands until it is stopped", func(t *testing.T) {
		p := prepare(t, h)
		var late buffer
		cmd := p.sh("{ sleep 0.5; echo served; sleep 300; echo too late; } &")
		cmd.Late = &late
		if _, err := p.Run(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
		p.output(t, "echo another")
		eventually(t, "it lives through another command", late.contains("served\n"))
		if err := p.StopBackground(t.Context()); err != nil {
			t.Fatal(err)
		}
		if late.String() != "served\n" {
			t.Errorf("late %q", late.String())
		}
	})
	if h.Real {
		testEscapes(t, h)
	}
}

// testEscapes leaves processes behind in ways that get away from a process
// group. %s is the file that they write their number to.
func testEscapes(t *testing.T, h Harness) {
	for _, escape := range []struct{ name, script string }{
		{"a child", `sleep 300 & echo $! > %s`},
		{"a session of its own", `setsid sh -c 'echo $$ > %s; exec sleep 300' & sleep 0.01`},
		{"a double fork", `setsid sh -c '(sh -c "echo \$\$ > %s; exec sleep 300" > /dev/null 2>&1 &)' & wait`},
		{"a child that ignores signals", `trap '' INT TERM HUP; sh -c 'echo $$ > %s; while :; do sleep 1; done' &`},
	} {
		for _, end := range []string{"StopBackground", "Cleanup"} {
			t.Run(escape.name+" is gone after "+end, func(t *testing.T) {
				p := prepare(t, h)
				status, out := p.run(t, fmt.Sprintf(escape.script, p.Paths().Temp+"/pid"))
				if !status.Success() {
					t.Fatalf("status %+v, output %q", status, out)
				}
				pid := p.pid(t)
				if h.Gone(t, pid) {
					t.Fatal("gone before anything ended it")
				}
				stop := p.StopBackground
				if end == "Cleanup" {
					stop = p.Cleanup
				}
				if err := stop(t.Context()); err != nil {
					t.Error(err)
				}
				if !h.Gone(t, pid) {
					t.Errorf("alive after %s", end)
				}
			})
		}
	}
	t.Run("a cancelled command takes its group with it", func(t *testing.T) {
		p := prepare(t, h, gaps(time.Hour, time.Hour))
		pid := p.cancelled(t, "sleep 300 & echo $! > "+p.Paths().Temp+"/pid; echo ready; wait")
		eventually(t, "the child is gone", func() bool { return h.Gone(t, pid) })
	})
}

// pid reads the number that a script left.
func (p place) pid(t *testing.T) string {
	t.Helper()
	var pid string
	eventually(t, "the script's child has told its number", func() bool {
		data, err := p.ReadTemp(t.Context(), "pid", 100)
		pid = strings.TrimSpace(string(data))
		return err == nil && strings.HasSuffix(string(data), "\n")
	})
	return pid
}

// cancelled cancels a script when it is ready, and gives the number it left.
func (p place) cancelled(t *testing.T, script string) string {
	t.Helper()
	var out buffer
	ctx, cancel := newCancel(t)
	cmd := p.sh(script)
	cmd.Stdout = &out
	ended := make(chan error)
	go func() {
		_, err := p.Run(ctx, cmd)
		ended <- err
	}()
	eventually(t, "the command is ready", out.contains("ready"))
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return p.pid(t)
}
