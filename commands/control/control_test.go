package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"multirunner/helpers/unixsocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runner is a Handler that remembers.
type runner struct {
	mu    sync.Mutex
	asked []string
	fail  error
	panic bool
	block chan struct{}
	began chan struct{} // gets a value when a status is asked for; may be nil
}

func (r *runner) note(format string, args ...any) error {
	r.mu.Lock()
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
	fail, boom := r.fail, r.panic
	r.mu.Unlock()
	if boom {
		panic("boom")
	}
	return fail
}

func (r *runner) Status(ctx context.Context) (Status, error) {
	if r.began != nil {
		r.began <- struct{}{}
	}
	if r.block != nil {
		select {
		case <-r.block:
		case <-ctx.Done():
		}
	}
	return Status{PID: 7, Phase: "running", Registrations: []Registration{{Name: "a", Paused: true}}}, r.note("status")
}

func (r *runner) Jobs(context.Context) ([]Job, error) { return []Job{{Task: 5}}, r.note("jobs") }

func (r *runner) Pause(_ context.Context, name string, paused bool) (Changed, error) {
	return Changed{Changed: []string{name}}, r.note("pause %q %t", name, paused)
}

func (r *runner) Drain(context.Context) error { return r.note("drain") }

func (r *runner) Cancel(_ context.Context, c Cancel) (Job, error) {
	return Job{Task: c.Task, URL: c.URL}, r.note("cancel %+v", c)
}

func (r *runner) Upgrade(context.Context) (Upgrade, error) {
	return Upgrade{Number: 3, Stage: UpgradeChecking}, r.note("upgrade")
}

func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ct") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, dir string, handler Handler) *Server {
	t.Helper()
	log, _ := test.NewNullLogger()
	log.SetLevel(logrus.PanicLevel)
	s, err := Listen(dir, handler, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func dial(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestEveryQuestionIsAnswered(t *testing.T) {
	dir, r := stateDir(t), &runner{}
	listen(t, dir, r)
	c := dial(t, dir)
	ctx := t.Context()
	status, err := c.Status(ctx)
	if err != nil || status.PID != 7 || !status.Registrations[0].Paused {
		t.Errorf("status %+v, %v", status, err)
	}
	if jobs, err := c.Jobs(ctx); err != nil || len(jobs) != 1 || jobs[0].Task != 5 {
		t.Errorf("jobs %+v, %v", jobs, err)
	}
	if changed, err := c.Pause(ctx, "a"); err != nil || changed.Changed[0] != "a" {
		t.Errorf("pause %+v, %v", changed, err)
	}
	if _, err := c.Resume(ctx, ""); err != nil {
		t.Error(err)
	}
	if job, err := c.Cancel(ctx, Cancel{Task: 5, URL: "u", Kill: true}); err != nil || job.Task != 5 || job.URL != "u" {
		t.Errorf("cancel %+v, %v", job, err)
	}
	if err := c.Drain(ctx); err != nil {
		t.Error(err)
	}
	if u, err := c.Upgrade(ctx); err != nil || u != (Upgrade{Number: 3, Stage: UpgradeChecking}) {
		t.Errorf("upgrade %+v, %v", u, err)
	}
	want := []string{"status", "jobs", `pause "a" true`, `pause "" false`, "cancel {Task:5 URL:u Kill:true}", "drain", "upgrade"}
	if diff := cmp.Diff(want, r.asked); diff != "" {
		t.Error(diff)
	}
}

func TestAnErrorIsTheAnswersAndTheConversationGoesOn(t *testing.T) {
	dir, r := stateDir(t), &runner{fail: errors.New("no such task")}
	listen(t, dir, r)
	c := dial(t, dir)
	if _, err := c.Cancel(t.Context(), Cancel{Task: 1}); err == nil || err.Error() != "no such task" {
		t.Errorf("error %v", err)
	}
	r.mu.Lock()
	r.panic = true
	r.mu.Unlock()
	if _, err := c.Jobs(t.Context()); err == nil || !strings.Contains(err.Error(), "see its log") {
		t.Errorf("after a panic: %v", err)
	}
	r.mu.Lock()
	r.fail, r.panic = nil, false
	r.mu.Unlock()
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWithoutARunnerItIsSaidWhatToDo(t *testing.T) {
	empty, dead := stateDir(t), stateDir(t)
	l, err := net.Listen("unix", filepath.Join(dead, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(empty, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, dead, filepath.Join(empty, "not", "there"), file} {
		_, err := Dial(t.Context(), dir)
		var none *NotRunningError
		if !errors.As(err, &none) || none.StateDir != dir || !strings.Contains(err.Error(), "runner run") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	listen(t, dead, &runner{}) // in the place of the dead one
	if _, err := dial(t, dead).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheSocketIsItsOwnersAndGoesWithTheRunner(t *testing.T) {
	for name, dir := range map[string]string{
		"short": stateDir(t), "long": filepath.Join(t.TempDir(), strings.Repeat("x", unixsocket.MaxPath)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s := listen(t, dir, &runner{})
			path := filepath.Join(dir, SocketName)
			if info, err := os.Lstat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			if _, err := dial(t, dir).Status(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			for _, p := range []string{path, s.listener.Path()} {
				if _, err := os.Lstat(p); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s stays: %v", p, err)
				}
			}
		})
	}
}

// A killed runner leaves the file that names its socket, and the socket.
func TestALongPathsSocketOfADeadRunnerIsReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", unixsocket.MaxPath))
	left, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, SocketName), []byte(filepath.Join(left, "sock")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), dir); !errors.As(err, new(*NotRunningError)) {
		t.Errorf("error %v", err)
	}
	listen(t, dir, &runner{})
	if _, err := dial(t, dir).Status(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left stays: %v", err)
	}
}

// raw sends a text and gives the lines that come back, until the end.
func raw(t *testing.T, dir, text string) string {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, text)
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	line, _ := lines.ReadString('\n')
	return line
}

func TestWhatIsNotUnderstoodIsAnsweredWithAWord(t *testing.T) {
	dir, r := stateDir(t), &runner{}
	listen(t, dir, r)
	for text, want := range map[string]string{
		"hello\n":                                      "no JSON object",
		`{"v":7,"id":1}` + "\n":                        "version 7",
		`{"v":1,"id":1,"cmd":"x"}` + "\n":              "does not know the command",
		strings.Repeat("x", maxQuestion+10):            "too long",
		`{"v":2,"id":1,"cmd":"status","new":3}` + "\n": `"pid":7`,
		`{"v":1,"id":1,"cmd":"cancel"}` + "\n":         "which task",
	} {
		if got := raw(t, dir, text); !strings.Contains(got, want) {
			t.Errorf("%.40q: answer %q, want %q in it", text, got, want)
		}
	}
}

func TestConversationsAreLimitedInNumber(t *testing.T) {
	dir, r := stateDir(t), &runner{}
	listen(t, dir, r)
	var clients []*Client
	for range maxConns {
		c := dial(t, dir)
		if _, err := c.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	if _, err := dial(t, dir).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("one too many: %v", err)
	}
	if err := clients[0].Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := dial(t, dir).Status(t.Context()); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no room after one has left")
		}
	}
}

func TestTheEndOfTheRunnerEndsConversations(t *testing.T) {
	dir, r := stateDir(t), &runner{block: make(chan struct{})}
	s := listen(t, dir, r)
	c := dial(t, dir)
	answered := make(chan error, 1)
	go func() {
		_, err := c.Status(t.Context())
		answered <- err
	}()
	other := dial(t, dir)
	if err := other.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil && !errors.Is(err, ErrGone) { // it may not have come to ask
		t.Errorf("error %v", err)
	}
	if _, err := other.Status(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("error %v", err)
	}
}

func TestAnAnswerThatTheEndOfTheRunnerCutsOffIsItsEnd(t *testing.T) {
	dir, r := stateDir(t), &runner{block: make(chan struct{}), began: make(chan struct{}, 1), fail: context.Canceled}
	s := listen(t, dir, r)
	c := dial(t, dir)
	answered := make(chan error, 1)
	go func() {
		_, err := c.Status(t.Context())
		answered <- err
	}()
	<-r.began
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; !errors.Is(err, ErrGone) {
		t.Errorf("error %v", err)
	}
}

func TestAQuestionEndsWithItsContext(t *testing.T) {
	dir, r := stateDir(t), &runner{block: make(chan struct{})}
	listen(t, dir, r)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("enough")) })
	if _, err := dial(t, dir).Status(ctx); err == nil || err.Error() != "enough" {
		t.Errorf("error %v", err)
	}
}

func FuzzDecodeLine(f *testing.F) {
	f.Add([]byte(`{"v":1,"id":3,"cmd":"cancel","cancel":{"task":5}}`))
	f.Add([]byte("{}"))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := decodeLine(line)
		if err != nil {
			return
		}
		again, err := encodeLine(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(again), "\n") != 1 {
			t.Errorf("not one line: %q", again)
		}
	})
}
