package shim

import (
	"context"
	"net"
	"testing"
	"time"
)

// fake is a container that a test speaks for.
type fake struct {
	t      testing.TB
	conn   net.Conn
	reader *frameReader
}

// newFake gives the connection of a container that has not said anything.
func newFake(t testing.TB) (*fake, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	return &fake{t: t, conn: there, reader: newFrameReader(there)}, here
}

// dialFake gives a client whose container has greeted it.
func dialFake(t testing.TB, o ClientOptions) (*fake, *Client) {
	t.Helper()
	f, conn := newFake(t)
	go func() {
		f.send(kindHello, 0, Hello{PID: 1, Arch: "amd64"}.encode())
		if frame, err := f.reader.next(); err == nil {
			f.send(kindReply, frame.id, nil)
		}
	}()
	c, err := Dial(context.Background(), conn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return f, c
}

// send sends a frame. That the client has hung up is for the test to see.
func (f *fake) send(k kind, id uint32, payload []byte) {
	_, _ = f.conn.Write(appendFrame(nil, k, id, payload))
}

// expect reads frames until one of the kind comes.
func (f *fake) expect(k kind) frame {
	f.t.Helper()
	_ = f.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		frame, err := f.reader.next()
		if err != nil {
			f.t.Errorf("waiting for %v: %v", k, err)
			return frame
		}
		if frame.kind == k {
			return frame
		}
	}
}
