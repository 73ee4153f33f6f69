package contract

import (
	"context"
	"strings"
	"testing"

	"multirunner/common"
)

const marker = "CONTRACT_MARKER"

func testEnvironment(t *testing.T, h Harness) {
	t.Setenv(marker, "a value of the runner's own")
	p := prepare(t, h, func(spec *common.JobSpec) {
		spec.Environment = append(spec.Environment, "CONFIGURED=1=2", "EMPTY=")
	})
	base := environ(strings.Join(p.BaseEnv(), "\n"))
	t.Run("the base has what commands need", func(t *testing.T) {
		if base["PATH"] == "" || base["HOME"] != p.Paths().Home {
			t.Errorf("PATH %q, HOME %q", base["PATH"], base["HOME"])
		}
		if base["CONFIGURED"] != "1=2" {
			t.Errorf("the configured variable is %q", base["CONFIGURED"])
		}
		if empty, ok := base["EMPTY"]; !ok || empty != "" {
			t.Errorf("the empty variable is %q, %t", empty, ok)
		}
	})
	t.Run("the base has nothing of the runner's own", func(t *testing.T) {
		for _, kv := range p.BaseEnv() {
			if strings.HasPrefix(kv, marker) {
				t.Error(kv)
			}
		}
	})
	t.Run("a command gets what it is given", func(t *testing.T) {
		for _, env := range [][]string{p.BaseEnv(), append(p.BaseEnv(), "GIVEN=yes"), {"PATH=/usr/bin:/bin"}} {
			var out buffer
			cmd := p.sh("env")
			cmd.Env, cmd.Stdout = env, &out
			if _, err := p.Run(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
			got := environ(out.String())
			for name, value := range environ(strings.Join(env, "\n")) {
				if got[name] != value {
					t.Errorf("%s is %q, given was %q", name, got[name], value)
				}
			}
			if _, ok := got[marker]; ok {
				t.Error("a variable of the runner's own is seen")
			}
			if _, ok := got["HOME"]; ok && len(env) == 1 {
				t.Error("HOME comes from nowhere")
			}
		}
	})
	if !h.Real {
		return
	}
	t.Run("every command carries the tracking id, whatever it is given", func(t *testing.T) {
		program, err := p.LookPath(t.Context(), "env", "/usr/bin:/bin")
		if err != nil {
			t.Fatal(err)
		}
		for _, env := range [][]string{nil, {"PATH=/usr/bin:/bin", "RUNNER_TRACKING_ID=0"}} {
			var out buffer
			cmd := &common.Command{Path: program, Env: env, Stdout: &out}
			if _, err := p.Run(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
			if got := environ(out.String())["RUNNER_TRACKING_ID"]; got != p.spec.TrackingID {
				t.Errorf("got %q, want %q", got, p.spec.TrackingID)
			}
		}
	})
	t.Run("home, temp and workspace can be written to", func(t *testing.T) {
		p.output(t, `for d in "$HOME" . `+p.Paths().Temp+`; do echo x > "$d/file" && cat "$d/file"; done`)
	})
}

// environ reads K=V lines.
func environ(text string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if ok {
			env[name] = value
		}
	}
	return env
}

func newCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}
