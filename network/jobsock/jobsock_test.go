package jobsock

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"multirunner/common"
	"multirunner/helpers/unixsocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// jobFake is a Handler that remembers.
type jobFake struct {
	mu      sync.Mutex
	cancels []common.StopReason
	block   chan struct{} // Cancel waits for it when set
}

func (j *jobFake) Cancel(reason common.StopReason) {
	j.mu.Lock()
	j.cancels = append(j.cancels, reason)
	block := j.block
	j.mu.Unlock()
	if block != nil {
		<-block
	}
}

func (j *jobFake) Status() Status { return Status{Phase: "steps", Step: 2, Name: "Test", Rows: 40} }

func (j *jobFake) Token() Runtime {
	return Runtime{Token: common.NewSecret("hush"), RunID: "7", JobID: "9"}
}

func (j *jobFake) cancelled() []common.StopReason {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]common.StopReason(nil), j.cancels...)
}

func listen(t *testing.T, path string, handler Handler) *Server {
	t.Helper()
	s, err := Listen(path, handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	log, _ := test.NewNullLogger()
	c := Dial(path, log)
	t.Cleanup(c.Close)
	return c
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func waitWake(t *testing.T, c *Client) {
	t.Helper()
	select {
	case <-c.Wakes():
	case <-time.After(10 * time.Second):
		t.Fatal("no wake")
	}
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "js") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "job.sock")
}

func TestQuestionsAreAnswered(t *testing.T) {
	path := socketPath(t)
	job := &jobFake{}
	listen(t, path, job)
	c := dial(t, path)
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(job.Status(), status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	runtime, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if runtime.Token.Reveal() != "hush" || runtime.RunID != "7" || runtime.JobID != "9" {
		t.Errorf("runtime %v", runtime)
	}
	c.Cancel(common.StopServer)
	c.Cancel(common.StopServer)
	eventually(t, "a cancel", func() bool { return len(job.cancelled()) == 1 })
	c.Cancel(common.StopKill)
	eventually(t, "a stronger cancel", func() bool { return len(job.cancelled()) == 2 })
	c.Cancel(common.StopShutdown) // weaker than kill
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]common.StopReason{common.StopServer, common.StopKill}, job.cancelled()); diff != "" {
		t.Errorf("cancels (-want +got):\n%s", diff)
	}
}

func TestTheSocketIsForItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	path := socketPath(t)
	s := listen(t, path, &jobFake{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
}

func TestALongPathGoesIntoAPrivateTempDirectory(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100), "job.sock")
	s := listen(t, long, &jobFake{})
	if len(s.Path()) > unixsocket.MaxPath {
		t.Fatalf("path of %d bytes", len(s.Path()))
	}
	dir := filepath.Dir(s.Path())
	if info, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := dial(t, s.Path()).Status(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory stays: %v", err)
	}
}

func TestTheSocketOfADeadProcessIsReplaced(t *testing.T) {
	path := socketPath(t)
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	listen(t, path, &jobFake{})
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClientConnectsWhenTheJobListensAndAgainAfterABreak(t *testing.T) {
	path := socketPath(t)
	c := dial(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("without a job: %v", err)
	}
	first, second := &jobFake{}, &jobFake{}
	s := listen(t, path, first)
	waitWake(t, c) // wakes may have been lost before
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.Cancel(common.StopShutdown) // while nobody listens
	listen(t, path, second)
	eventually(t, "the cancel on the new connection", func() bool { return len(second.cancelled()) == 1 })
}

func TestAnUnansweredCancelIsRepeated(t *testing.T) {
	path := socketPath(t)
	hung, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	c := dial(t, path)
	c.Cancel(common.StopServer)
	for range 2 { // the connection breaks before an answer
		conn, err := hung.Accept()
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil || m.V != Version || m.Command != commandCancel || m.Reason != common.StopServer {
			t.Errorf("line %s", line)
		}
		_ = conn.Close()
	}
}

func TestWakesAreCoalescedUnlessUrgent(t *testing.T) {
	path := socketPath(t)
	s := listen(t, path, &jobFake{})
	c := dial(t, path)
	waitWake(t, c) // of the connect
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	wakes := 0
	for time.Since(began) < 2*wakeGap {
		s.Wake(false)
		select {
		case <-c.Wakes():
			wakes++
		case <-time.After(time.Millisecond):
		}
	}
	if wakes == 0 || wakes > 4 {
		t.Errorf("%d wakes in %v", wakes, 2*wakeGap)
	}
	began = time.Now()
	for range 5 {
		s.Wake(false)
		s.Wake(true)
		waitWake(t, c)
	}
	if took := time.Since(began); took > wakeGap {
		t.Errorf("five urgent wakes took %v", took)
	}
}

func TestLinesThatAreNotUnderstoodEndTheConnectionWithAWord(t *testing.T) {
	path := socketPath(t)
	s := listen(t, path, &jobFake{})
	for line, want := range map[string]string{
		"hello":                             "no JSON object",
		`{"v":7,"cmd":"status"}`:            "speaks version 7",
		`{"v":1,"id":3,"cmd":"dance"}`:      `unknown command`,
		`{"v":1,"id":4,"cmd":"cancel"}`:     `unknown reason`,
		`{"v":2,"id":5,"cmd":"x","new":[]}`: `unknown command`,
	} {
		conn, err := net.Dial("unix", s.Path())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(answer, want) {
			t.Errorf("%s: answer %s, %v", line, answer, err)
		}
		_ = conn.Close()
	}
}

func TestAReasonThatTheJobDoesNotKnowIsAnError(t *testing.T) {
	path := socketPath(t)
	job := &jobFake{}
	listen(t, path, job)
	_, err := dial(t, path).ask(t.Context(), message{Command: commandCancel, Reason: "later version's"})
	if err == nil || !strings.Contains(err.Error(), "unknown reason") {
		t.Errorf("error %v", err)
	}
	if len(job.cancelled()) != 0 {
		t.Error("it reached the job")
	}
}

func TestCloseDoesNotWaitForAJobThatHangs(t *testing.T) {
	path := socketPath(t)
	job := &jobFake{block: make(chan struct{})}
	s := listen(t, path, job)
	c := dial(t, path)
	c.Cancel(common.StopKill)
	eventually(t, "the cancel", func() bool { return len(job.cancelled()) == 1 })
	done := make(chan error, 1)
	go func() {
		_, err := c.Status(context.Background())
		done <- err
	}()
	c.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("a question that waits gets %v", err)
	}
	close(job.block)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzDecodeLine claims that no line panics, and that what is taken is of a
// version that is spoken.
func FuzzDecodeLine(f *testing.F) {
	f.Add(`{"v":1,"id":1,"cmd":"token","runtime":{"token":"hush-hush"}}`)
	f.Add(`{"v":1,`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, line string) {
		m, err := decodeLine([]byte(line))
		if err == nil && (m.V < 1 || m.V > Version+1) {
			t.Errorf("version %d", m.V)
		}
	})
}

func TestErrorsDoNotQuoteLinesThatMayHoldAToken(t *testing.T) {
	_, err := decodeLine([]byte(`{"v":1,"runtime":{"token":"hush-hush"`))
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("error %v", err)
	}
}
