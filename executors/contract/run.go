package contract

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multirunner/common"
)

func testRun(t *testing.T, h Harness) {
	p := prepare(t, h)
	for script, want := range map[string]common.ExitStatus{
		"true":          {},
		"exit 3":        {Code: 3},
		"kill -TERM $$": {Code: -1, Signal: "terminated"},
		"kill -KILL $$": {Code: -1, Signal: "killed"},
	} {
		t.Run("status of "+script, func(t *testing.T) {
			if got, _ := p.run(t, script); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	t.Run("arguments reach the command as they are", func(t *testing.T) {
		var out buffer
		args := []string{"a b", "", "$HOME", "'"}
		if !h.Real {
			args = []string{"plain"}
		}
		cmd := &common.Command{Path: "echo", Args: args, Env: p.BaseEnv(), Stdout: &out}
		if _, err := p.Run(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(args, " ") + "\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
	if !h.Real {
		return
	}
	t.Run("a program that is missing is an error", func(t *testing.T) {
		for _, path := range []string{"no-such-program", "/no/such/program"} {
			if _, err := p.Run(t.Context(), &common.Command{Path: path, Env: p.BaseEnv()}); err == nil {
				t.Errorf("%s could be started", path)
			}
		}
	})
	t.Run("directories start at the workspace", func(t *testing.T) {
		p.output(t, "mkdir -p sub/dir")
		for dir, want := range map[string]string{
			"":             p.Paths().Workspace,
			"sub/dir":      filepath.Join(p.Paths().Workspace, "sub/dir"),
			p.Paths().Temp: p.Paths().Temp,
		} {
			var out buffer
			cmd := p.sh("pwd -P")
			cmd.Dir, cmd.Stdout = dir, &out
			if _, err := p.Run(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(out.String()); !sameFile(got, want) {
				t.Errorf("%q is %s, want %s", dir, got, want)
			}
		}
	})
	t.Run("a directory that is missing is an error that names it", func(t *testing.T) {
		cmd := p.sh("true")
		cmd.Dir = "not/there"
		if _, err := p.Run(t.Context(), cmd); err == nil || !strings.Contains(err.Error(), "not/there") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("standard input is empty", func(t *testing.T) {
		if out := p.output(t, "cat; echo end"); out != "end\n" {
			t.Errorf("got %q", out)
		}
	})
}

func testOutput(t *testing.T, h Harness) {
	p := prepare(t, h)
	t.Run("streams are apart", func(t *testing.T) {
		var stdout, stderr buffer
		cmd := p.sh("echo one; echo two >&2; echo three")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if _, err := p.Run(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
		if stdout.String() != "one\nthree\n" || stderr.String() != "two\n" {
			t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
		}
	})
	t.Run("nobody needs to listen", func(t *testing.T) {
		if status, err := p.Run(t.Context(), p.sh("echo out; echo err >&2; exit 5")); err != nil || status.Code != 5 {
			t.Errorf("%+v, %v", status, err)
		}
	})
	t.Run("a writer that fails does not disturb the command", func(t *testing.T) {
		cmd := p.sh("echo out; echo more; exit 6")
		cmd.Stdout, cmd.Stderr = failing{}, failing{}
		if status, err := p.Run(t.Context(), cmd); err != nil || status.Code != 6 {
			t.Errorf("%+v, %v", status, err)
		}
	})
	if !h.Real {
		return
	}
	t.Run("much output is complete at the end", func(t *testing.T) {
		out := p.output(t, "i=0; while [ $i -lt 5000 ]; do echo a line of output number $i; i=$((i+1)); done")
		if n := strings.Count(out, "\n"); n != 5000 {
			t.Errorf("%d lines, want 5000", n)
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no") }

// sleepy is a loop that ends by a signal only, soon after it.
func (h Harness) sleepy() string {
	if h.Real {
		return "while :; do sleep 0.02; done"
	}
	return "sleep 3600; sleep 3600; sleep 3600"
}

func testCancel(t *testing.T, h Harness) {
	hour := gaps(time.Hour, time.Hour)
	brief := gaps(20*time.Millisecond, 20*time.Millisecond)
	for _, test := range []struct {
		name, script string
		gaps         func(*common.JobSpec)
		cause        error
		want         common.ExitStatus
		output       string
	}{
		{"interrupts", "echo ready; " + h.sleepy(), hour, nil,
			common.ExitStatus{Code: -1, Signal: "interrupt"}, "ready\n"},
		{"lets the command finish and write", "trap 'echo bye; exit 7' INT; echo ready; " + h.sleepy(), hour, nil,
			common.ExitStatus{Code: 7}, "ready\nbye\n"},
		{"terminates after the graceful timeout", "trap '' INT; trap 'echo term; exit 8' TERM; echo ready; " + h.sleepy(),
			gaps(20*time.Millisecond, time.Hour), nil, common.ExitStatus{Code: 8}, "ready\nterm\n"},
		{"kills after the force timeout", "trap '' INT TERM; echo ready; " + h.sleepy(), brief, nil,
			common.ExitStatus{Code: -1, Signal: "killed"}, "ready\n"},
		{"kills at once when that is the cause", "trap 'echo bye; exit 7' INT TERM; echo ready; " + h.sleepy(), hour, common.ErrKill,
			common.ExitStatus{Code: -1, Signal: "killed"}, "ready\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := prepare(t, h, test.gaps)
			var out buffer
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			cmd := p.sh(test.script)
			cmd.Stdout = &out // the shell itself may tell of signals on the other
			var status common.ExitStatus
			var err error
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				status, err = p.Run(ctx, cmd)
			}()
			eventually(t, "the command is ready", out.contains("ready"))
			cancel(test.cause)
			<-ended
			if err != nil || status != test.want || out.String() != test.output {
				t.Errorf("got %+v, %v, %q; want %+v, no error, %q", status, err, out.String(), test.want, test.output)
			}
		})
	}
	t.Run("a kill does not wait for a gentle end", func(t *testing.T) {
		p := prepare(t, h, hour)
		var out buffer
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		kill := make(chan struct{})
		cmd := p.sh("trap 'echo interrupted' INT; trap '' TERM; echo ready; " + h.sleepy())
		cmd.Stdout, cmd.Kill = &out, kill
		var status common.ExitStatus
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			status, _ = p.Run(ctx, cmd)
		}()
		eventually(t, "the command is ready", out.contains("ready"))
		cancel()
		eventually(t, "the command is interrupted", out.contains("interrupted"))
		close(kill)
		<-ended
		if want := (common.ExitStatus{Code: -1, Signal: "killed"}); status != want {
			t.Errorf("got %+v, want %+v", status, want)
		}
	})
	t.Run("the place works on afterwards", func(t *testing.T) {
		p := prepare(t, h, hour)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(common.ErrKill)
		if status, err := p.Run(ctx, p.sh("sleep 300")); err != nil || status.Success() {
			t.Errorf("run with a done context: %+v, %v", status, err)
		}
		p.output(t, "true")
	})
}
