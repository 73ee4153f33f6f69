package dummy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"multirunner/common"
	"multirunner/executors/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	job := func(script Script) func(*testing.T) (common.ExecutorProvider, *common.JobSpec) {
		return func(*testing.T) (common.ExecutorProvider, *common.JobSpec) {
			return NewProvider(script), &common.JobSpec{TrackingID: "job"}
		}
	}
	contract.Test(t, contract.Harness{
		New:    job(Script{}),
		Broken: job(Script{Prepare: func(context.Context, io.Writer) error { return errors.New("broken") }}),
	})
}

// prepared gives an executor of a script.
func prepared(t *testing.T, script Script) (*Provider, *Executor) {
	t.Helper()
	p := NewProvider(script)
	_, err := p.Create(&common.JobSpec{TrackingID: "job", Shell: common.ShellConfig{
		GracefulKillTimeout: common.Duration(7500 * time.Millisecond), ForceKillTimeout: common.Duration(2500 * time.Millisecond),
	}})
	if err != nil {
		t.Fatal(err)
	}
	e := p.Executors()[0]
	if err := e.Prepare(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Cleanup(context.Background()) })
	return p, e
}

func sh(script string, out io.Writer) *common.Command {
	return &common.Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"NAME=value"}, Stdout: out, Stderr: out}
}

func TestInterpret(t *testing.T) {
	for _, test := range []struct {
		script, out string
		code        int
	}{
		{"", "", 0},
		{"# nothing\n\n  \n", "", 0},
		{"echo a   b", "a b\n", 0},
		{`echo "a   b" 'c  d' e\ f`, "a   b c  d e f\n", 0},
		{`echo "$NAME" ${NAME}s '$NAME' \$NAME $MISSING.`, "value values $NAME $NAME .\n", 0},
		{"X=1; export Y=2; echo $X$Y", "12\n", 0},
		{"true && echo yes || echo no", "yes\n", 0},
		{"false && echo yes || echo no", "no\n", 0},
		{"false; echo $?", "1\n", 0},
		{"exit 300", "", 44},
		{"echo a; exit 3; echo b", "a\n", 3},
		{"echo -n a; echo b", "ab\n", 0},
		{"unknown thing", "dummy: unknown: command not found\n", 127},
		{"echo 'open", "dummy: syntax error: no end to the quote \"'open\"\n", 2},
		{"echo a; }", "dummy: syntax error: \"}\" is not expected here\n", 2},
		{"{ echo a", "dummy: syntax error: no } at the end\n", 2},
		{"{ echo a; echo b; }; (echo c)", "a\nb\nc\n", 0},
		{"echo {} a{b}", "{} a{b}\n", 0},
		{"echo a > /f; echo b >> /f; cat /f; rm /f; cat /f", "a\nb\ndummy: cat: open /f: file does not exist\n", 1},
		{"echo gone > /dev/null; echo err >&2", "err\n", 0},
		{"sleep 0.001; sleep 1ms; wait", "", 0},
		{"sleep x", "dummy: sleep: time: invalid duration \"x\"\n", 1},
		{"echo a & wait; echo b", "a\nb\n", 0},
		{"env NAME; env; printenv MISSING", "value\nNAME=value\n", 1},
		{"echo a \\\n b", "a b\n", 0},
	} {
		t.Run(test.script, func(t *testing.T) {
			_, e := prepared(t, Script{})
			var out bytes.Buffer
			status, err := e.Run(t.Context(), sh(test.script, &out))
			if err != nil || status.Code != test.code || out.String() != test.out {
				t.Errorf("got %d, %v, %q; want %d, %q", status.Code, err, out.String(), test.code, test.out)
			}
		})
	}
}

func TestScriptsInFilesWithErrexit(t *testing.T) {
	_, e := prepared(t, Script{})
	path, err := e.WriteTemp(t.Context(), "step.sh", []byte("echo a\nfalse\necho b\n"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := &common.Command{Path: "/bin/bash", Args: []string{"-e", path}, Stdout: &out}
	if status, err := e.Run(t.Context(), cmd); err != nil || status.Code != 1 || out.String() != "a\n" {
		t.Errorf("%+v, %v, %q", status, err, out.String())
	}
}

func TestEscalationTakesTheConfiguredTimes(t *testing.T) {
	for _, test := range []struct {
		script string
		want   common.ExitStatus
		took   time.Duration
	}{
		{"sleep 1h", common.ExitStatus{Code: -1, Signal: "interrupt"}, 0},
		{"trap 'sleep 3; exit 9' INT; sleep 1h", common.ExitStatus{Code: 9}, 3 * time.Second},
		{"trap '' INT; sleep 1h", common.ExitStatus{Code: -1, Signal: "terminated"}, 7500 * time.Millisecond},
		{"trap 'sleep 1h' INT; sleep 1h", common.ExitStatus{Code: -1, Signal: "terminated"}, 7500 * time.Millisecond},
		{"trap '' INT TERM; sleep 1h", common.ExitStatus{Code: -1, Signal: "killed"}, 10 * time.Second},
	} {
		t.Run(test.script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, e := prepared(t, Script{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				status, err := e.Run(ctx, sh(test.script, nil))
				if took := time.Since(began) - time.Minute; err != nil || status != test.want || took != test.took {
					t.Errorf("got %+v, %v after %v; want %+v after %v", status, err, took, test.want, test.took)
				}
			})
		})
	}
}

func TestReactionsReplaceTheInterpreter(t *testing.T) {
	broken := errors.New("cannot start")
	p, e := prepared(t, Script{Commands: []Reaction{
		{Match: Contains("once"), Times: 1, Run: Fails(broken)},
		{Match: Contains("once"), Run: Exits(4, "again")},
		{Match: Contains("file"), Run: func(ctx context.Context, c *Call) (common.ExitStatus, error) {
			return common.ExitStatus{}, c.Append(c.Env("OUT"), "k=v\n")
		}},
	}})
	var out bytes.Buffer
	if _, err := e.Run(t.Context(), sh("once", &out)); !errors.Is(err, broken) {
		t.Errorf("first: %v", err)
	}
	if status, err := e.Run(t.Context(), sh("once", &out)); err != nil || status.Code != 4 || out.String() != "again\n" {
		t.Errorf("second: %+v, %v, %q", status, err, out.String())
	}
	path, err := e.WriteTemp(t.Context(), "out", nil)
	if err != nil {
		t.Fatal(err)
	}
	cmd := sh("file", nil)
	cmd.Env = append(cmd.Env, "OUT="+path)
	if _, err := e.Run(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	if data, err := e.ReadTemp(t.Context(), "out", 10); err != nil || string(data) != "k=v\n" {
		t.Errorf("%q, %v", data, err)
	}
	want := []string{"Create", "Prepare", "Run", "Run", "Run"}
	if diff := cmp.Diff(want, p.Methods("job")); diff != "" {
		t.Error(diff)
	}
}

func TestHangsEndsWithItsContext(t *testing.T) {
	_, e := prepared(t, Script{Commands: []Reaction{{Run: Hangs}}})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(common.ErrKill)
	if status, err := e.Run(ctx, sh("x", nil)); err != nil || status.Signal != "killed" {
		t.Errorf("%+v, %v", status, err)
	}
}

func TestBackgroundOfAReaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e := prepared(t, Script{Commands: []Reaction{{Run: func(_ context.Context, c *Call) (common.ExitStatus, error) {
			c.Background(func(ctx context.Context, print func(string)) {
				for c.Sleep(ctx, time.Second) {
					print("tick")
				}
			})
			return common.ExitStatus{}, nil
		}}}})
		var out, late bytes.Buffer
		cmd := sh("x", &out)
		cmd.Late = &late
		if _, err := e.Run(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
		<-time.After(2500 * time.Millisecond)
		if err := e.StopBackground(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out.String() != "" || late.String() != "tick\ntick\n" {
			t.Errorf("output %q, late %q", out.String(), late.String())
		}
	})
}

func TestFailuresOfTheScript(t *testing.T) {
	fault := errors.New("fault")
	fails := func(context.Context) error { return fault }
	p := NewProvider(Script{
		Name: "docker", Schemes: []string{"docker"}, Available: fails, Cleanup: fails, StopBackground: fails, Missing: []string{"node"},
		Acquire: func(context.Context, *common.RunnerConfig) error { return &common.NoRoomError{Reason: "full"} },
		Create: func(spec *common.JobSpec) error {
			if spec.TrackingID == "bad" {
				return fault
			}
			return nil
		},
	})
	if p.Name() != "docker" || !errors.Is(p.Available(t.Context()), fault) {
		t.Error("name or availability")
	}
	var noRoom *common.NoRoomError
	if _, err := p.Acquire(t.Context(), &common.RunnerConfig{Name: "r"}); !errors.As(err, &noRoom) || p.Reserved() != 0 {
		t.Errorf("Acquire: %v, %d reserved", err, p.Reserved())
	}
	if _, err := p.Create(&common.JobSpec{TrackingID: "bad"}); !errors.Is(err, fault) {
		t.Errorf("Create: %v", err)
	}
	e, err := p.Create(&common.JobSpec{TrackingID: "good"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Prepare(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := e.LookPath(t.Context(), "node", ""); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("LookPath: %v", err)
	}
	if !errors.Is(e.StopBackground(t.Context()), fault) || !errors.Is(e.Cleanup(t.Context()), fault) {
		t.Error("StopBackground or Cleanup succeeds")
	}
}

func TestReservationsAreCounted(t *testing.T) {
	p := NewProvider(Script{})
	a, errA := p.Acquire(t.Context(), &common.RunnerConfig{Name: "a"})
	b, errB := p.Acquire(t.Context(), &common.RunnerConfig{Name: "b"})
	if errA != nil || errB != nil || p.Reserved() != 2 {
		t.Fatalf("%v, %v, %d reserved", errA, errB, p.Reserved())
	}
	a.Release()
	a.Release()
	if p.Reserved() != 1 {
		t.Errorf("%d reserved after one was released twice", p.Reserved())
	}
	b.Release()
	if diff := cmp.Diff([]string{"Acquire", "Release"}, p.Methods("a")); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("echo a && { sleep 1; } & wait || (trap '' INT) > f")
	f.Add("'\"${a$$\\")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parse(text)
	})
}
