package shim

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/common"
)

func TestAContainerThatBreaksTheProtocolIsGivenUp(t *testing.T) {
	length := func(n byte) []byte { return []byte{0, 0, n, 0, byte(kindReply), 1, 0, 0, 0} }
	raw := func(b []byte) func(*fake, uint32) {
		return func(f *fake, _ uint32) { _, _ = f.conn.Write(b) }
	}
	frames := func(k kind, payload []byte) func(*fake, uint32) {
		return func(f *fake, id uint32) { f.send(k, id, payload) }
	}
	full := make([]byte, maxPayload)
	for _, test := range []struct {
		name, want string
		send       func(f *fake, id uint32) // id: of the command that runs
	}{
		{"a frame that is too long", "a frame (reply) of 131072 bytes", raw(length(2))},
		{"the largest length", "a frame (nothing) of 4294967295 bytes", raw([]byte{255, 255, 255, 255, 0, 0, 0, 0, 0})},
		{"an unknown kind", "a frame (kind 99) of a command", frames(99, nil)},
		{"a kind of the client's", "a frame (start) of a command", frames(kindStart, nil)},
		{"a second greeting", "a frame (hello) of a command", frames(kindHello, Hello{}.encode())},
		{"an id that nobody has", "a frame (exit) for 77, which is nothing", func(f *fake, _ uint32) { f.send(kindExit, 77, exit{}.encode()) }},
		{"an answer to a command", "a frame (reply) of a command", frames(kindReply, nil)},
		{"a part for a command", "a frame (part) of a command", frames(kindPart, full)},
		{"output that is not wanted", "output (stderr) that is not wanted", frames(kindStderr, []byte("x"))},
		{"empty output", "output (stdout) that is not wanted", frames(kindStdout, nil)},
		{"empty late output", "empty output", frames(kindLate, nil)},
		{"late output that ends first", "the output of a command ends before", frames(kindDrained, nil)},
		{"an exit that cannot be read", "a message (exit) that cannot be read", frames(kindExit, []byte{1})},
		{"an exit with more behind it", "a message (exit) that cannot be read", frames(kindExit, append(exit{}.encode(), 0))},
		{"an error that cannot be read", "a message (failed) that cannot be read", frames(kindFailed, []byte{0, 255, 255, 3})},
		{"an error without a meaning", "error number 99", frames(kindFailed, []byte{99, 0})},
		{"an end within a frame", "unexpected EOF", func(f *fake, _ uint32) { _, _ = f.conn.Write([]byte{9, 0, 0}); f.conn.Close() }},
		{"an end", "it has ended", func(f *fake, _ uint32) { f.conn.Close() }},
		{"more output than there is room for", "more output than there is room for", func(f *fake, id uint32) {
			for range runWindow/maxPayload + 1 {
				f.send(kindStdout, id, full)
			}
		}},
		{"many small frames of output", "more output than there is room for", func(f *fake, id uint32) {
			for range runWindow/frameCost + 1 {
				f.send(kindStdout, id, []byte("x"))
			}
		}},
		{"output after the exit", "a frame (stdout) for", func(f *fake, id uint32) {
			f.send(kindExit, id, exit{}.encode())
			f.send(kindStdout, id, []byte("x"))
		}},
		{"two exits", "a frame (exit) for", func(f *fake, id uint32) {
			f.send(kindExit, id, exit{drained: true}.encode())
			f.send(kindExit, id, exit{}.encode())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, c := dialFake(t, ClientOptions{})
			hold := make(chan struct{})
			ended := make(chan error, 1)
			go func() {
				_, err := c.Run(context.Background(), &common.Command{
					Path: "x", Stdout: writerFunc(func([]byte) { <-hold }), Late: io.Discard,
				})
				ended <- err
			}()
			id := f.expect(kindStart).id
			go func() { _, _ = io.Copy(io.Discard, f.conn) }()
			test.send(f, id)
			select {
			case <-c.Done():
			case <-time.After(10 * time.Second):
				t.Error("the connection stands")
			}
			close(hold)
			var gone *GoneError
			if err := c.Err(); !errors.As(err, &gone) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the client says %v, want %q", err, test.want)
			}
			err := <-ended
			if after := strings.HasPrefix(test.name, "output after") || test.name == "two exits"; !after && !errors.As(err, &gone) {
				t.Errorf("the command says %v", err)
			}
			if left := c.pending(); len(left) > 0 {
				t.Errorf("pending: %d", left)
			}
		})
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestAnAnswerIsBounded(t *testing.T) {
	for _, test := range []struct {
		name string
		send func(f *fake, id uint32)
	}{
		{"in one frame", func(f *fake, id uint32) { f.send(kindReply, id, []byte("123456")) }},
		{"in parts", func(f *fake, id uint32) {
			for range 6 {
				f.send(kindPart, id, []byte("1"))
			}
		}},
		{"in empty parts", func(f *fake, id uint32) { f.send(kindPart, id, nil) }},
		{"with what is no answer", func(f *fake, id uint32) { f.send(kindStdout, id, nil) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, c := dialFake(t, ClientOptions{})
			go func() {
				id := f.expect(kindReadTemp).id
				test.send(f, id)
			}()
			data, err := c.ReadTemp(t.Context(), "file", 5)
			var broken *ProtocolError
			if !errors.As(err, &broken) {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	f, c := dialFake(t, ClientOptions{})
	for _, test := range []struct{ sent, want error }{
		{&fs.PathError{Op: "open", Path: "p", Err: fs.ErrNotExist}, fs.ErrNotExist},
		{&exec.Error{Name: "tool", Err: exec.ErrNotFound}, exec.ErrNotFound},
		{fs.ErrPermission, fs.ErrPermission},
		{errors.New("two\nlines\x1b[0m \xff"), nil},
	} {
		go func() { f.send(kindFailed, f.expect(kindLookPath).id, encodeError(test.sent)) }()
		_, err := c.LookPath(t.Context(), "tool", "/bin")
		if err == nil || test.want != nil && !errors.Is(err, test.want) || test.want == nil && err.Error() != "two lines [0m ?" {
			t.Errorf("%v arrives as %q", test.sent, err)
		}
	}
	for _, answer := range []string{"", "relative", "/with\x00nul"} {
		go func() { f.send(kindReply, f.expect(kindLookPath).id, []byte(answer)) }()
		if found, err := c.LookPath(t.Context(), "tool", "/bin"); err == nil {
			t.Errorf("takes %q", found)
		}
	}
}

func TestAnAbandonedRequestDoesNotDisturb(t *testing.T) {
	f, c := dialFake(t, ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	var id uint32
	go func() {
		id = f.expect(kindReadTemp).id
		cancel()
	}()
	if _, err := c.ReadTemp(ctx, "file", 5); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() {
		f.send(kindReply, id, []byte("late"))
		f.send(kindReply, f.expect(kindReadTemp).id, []byte("next"))
	}()
	if data, err := c.ReadTemp(t.Context(), "file", 5); err != nil || string(data) != "next" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestDialSaysWhyItFails(t *testing.T) {
	for _, test := range []struct {
		name, want string
		play       func(f *fake)
	}{
		{"the container ends", "it has ended", func(f *fake) { f.conn.Close() }},
		{"something else speaks", "does not begin with a greeting", func(f *fake) { _, _ = f.conn.Write([]byte("Usage: runner [options] COMMAND\n")) }},
		{"another frame comes first", "does not begin with a greeting", func(f *fake) { f.send(kindReply, 1, nil) }},
		{"another version", "speaks version 9, this runner 1", func(f *fake) {
			var e encoder
			e.text(helloMagic)
			e.uint(9)
			f.send(kindHello, 0, e)
		}},
		{"the container refuses", "permission denied", func(f *fake) {
			f.send(kindHello, 0, Hello{}.encode())
			f.send(kindFailed, f.expect(kindOpen).id, encodeError(&fs.PathError{Op: "open", Path: "/t", Err: fs.ErrPermission}))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, conn := newFake(t)
			go test.play(f)
			c, err := Dial(t.Context(), conn, ClientOptions{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, %v", c, err)
			}
		})
	}
	t.Run("nothing is said", func(t *testing.T) {
		_, conn := newFake(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := Dial(ctx, conn, ClientOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAContainerThatDoesNotEndACommandIsGivenUp(t *testing.T) {
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f, c := dialFake(t, ClientOptions{Graceful: 7 * time.Second, Force: 3 * time.Second})
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			var play sync.WaitGroup
			play.Go(func() {
				id := f.expect(kindStart).id
				_ = f.conn.SetReadDeadline(time.Time{})
				if slow {
					f.send(kindStdout, id, []byte("first"))
					f.send(kindStdout, id, []byte("second"))
				}
				cancel()
				for {
					if _, err := f.reader.next(); err != nil {
						return
					}
				}
			})
			const held = time.Minute
			_, err := c.Run(ctx, &common.Command{Path: "x", Stdout: writerFunc(func([]byte) {
				if slow {
					time.Sleep(held) // a writer of this side's is not the container's fault
				}
			})})
			var gone *GoneError
			if !errors.As(err, &gone) || !strings.Contains(err.Error(), "did not end a cancelled command within 40s") {
				t.Errorf("got %v", err)
			}
			took, least, most := time.Since(began), 40*time.Second, 41*time.Second
			if slow {
				least, most = held, 2*held+41*time.Second
			}
			if took < least || took > most {
				t.Errorf("slow writer %t: it took %v", slow, took)
			}
			_ = c.Close()
			play.Wait()
		})
	}
}

func TestStopBackgroundIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := dialFake(t, ClientOptions{})
		var play sync.WaitGroup
		play.Go(func() {
			for {
				if _, err := f.reader.next(); err != nil {
					return
				}
			}
		})
		began := time.Now()
		err := c.StopBackground(t.Context())
		if err == nil || !strings.Contains(err.Error(), "does not answer") || time.Since(began) != killPatience {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		_ = c.Close()
		play.Wait()
	})
}

func TestNothingWorksOnceItIsClosed(t *testing.T) {
	f, c := dialFake(t, ClientOptions{})
	go func() { _, _ = io.Copy(io.Discard, f.conn) }()
	if err := c.Err(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	_, run := c.Run(t.Context(), &common.Command{Path: "x"})
	_, read := c.ReadTemp(t.Context(), "f", 1)
	_, write := c.WriteTemp(t.Context(), "f", nil)
	_, look := c.LookPath(t.Context(), "f", "/bin")
	var gone *GoneError
	for i, err := range []error{run, read, write, look, c.StopBackground(t.Context()), c.Err()} {
		if !errors.As(err, &gone) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestMessagesCarryAnyBytes(t *testing.T) {
	st := start{
		path: "/p\xff", args: []string{"", "\x00\xfe", "a"}, env: []string{"A=\xff"}, dir: "d",
		stdout: true, joined: true, late: true,
	}
	got, err := decodeStart(st.encode())
	if err != nil || got.path != st.path || strings.Join(got.args, "|") != strings.Join(st.args, "|") ||
		got.env[0] != st.env[0] || !got.stdout || got.stderr || !got.joined || !got.late {
		t.Errorf("%+v, %v", got, err)
	}
	o := open{temp: "/t", workspace: "/w", graceful: time.Second, force: -1}
	if back, err := decodeOpen(o.encode()); err != nil || back != o {
		t.Errorf("%+v, %v", back, err)
	}
	h := Hello{PID: 1, UID: 1000, GID: 1001, System: "Alpine\nLinux \x1b", Hostname: "h", Arch: "arm64"}
	back, err := decodeHello(h.encode())
	h.System = "Alpine Linux  "
	if err != nil || back != h {
		t.Errorf("%+v, %v", back, err)
	}
}
