package sdnotify

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager is the other end of NOTIFY_SOCKET.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func listen(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &manager{t, conn}
}

func (m *manager) next() string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := m.conn.Read(buf)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buf[:n])
}

// environment gives a Getenv over NAME=VALUE entries.
func environment(entries ...string) func(string) string {
	return func(name string) string {
		for _, e := range entries {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func notifier(t *testing.T, entries ...string) *Notifier {
	t.Helper()
	n, err := FromEnvironment(environment(entries...))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMessages(t *testing.T) {
	for _, socket := range []string{
		filepath.Join(t.TempDir(), "notify"),
		fmt.Sprintf("@sdnotify-test-%d", os.Getpid()),
	} {
		m := listen(t, socket)
		n := notifier(t, "NOTIFY_SOCKET="+socket)
		n.now = func() (time.Duration, bool) { return 1234567 * time.Microsecond, true }
		if !n.Enabled() {
			t.Errorf("%s: not enabled", socket)
		}
		for _, tt := range []struct {
			send func() error
			want string
		}{
			{func() error { return n.Ready("") }, "READY=1\n"},
			{func() error { return n.Ready("3 jobs") }, "READY=1\nSTATUS=3 jobs\n"},
			{n.Reloading, "RELOADING=1\nMONOTONIC_USEC=1234567\n"},
			{func() error { return n.Status("a\nREADY=1\r\n\tb") }, "STATUS=a READY=1 b\n"},
			{n.Watchdog, "WATCHDOG=1\n"},
			{func() error { return n.Stopping("draining") }, "STOPPING=1\nSTATUS=draining\n"},
		} {
			if err := tt.send(); err != nil {
				t.Errorf("%s: %v", socket, err)
				continue
			}
			if got := m.next(); got != tt.want {
				t.Errorf("%s: got %q, want %q", socket, got, tt.want)
			}
		}
	}
}

func TestReloadingCarriesTheMonotonicClock(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	m := listen(t, socket)
	before, _ := monotonic()
	if err := notifier(t, "NOTIFY_SOCKET="+socket).Reloading(); err != nil {
		t.Fatal(err)
	}
	after, _ := monotonic()
	_, text, _ := strings.Cut(strings.TrimSpace(m.next()), "MONOTONIC_USEC=")
	got, err := strconv.ParseInt(text, 10, 64)
	if err != nil || got < before.Microseconds() || got > after.Microseconds() {
		t.Errorf("got %q, want a number between %d and %d", text, before.Microseconds(), after.Microseconds())
	}
}

func TestWithoutASocketNothingHappens(t *testing.T) {
	// A watchdog without a socket could not be fed.
	for _, n := range []*Notifier{nil, notifier(t), notifier(t, "WATCHDOG_USEC=1000000")} {
		for _, send := range []func() error{
			func() error { return n.Ready("x") }, n.Reloading, func() error { return n.Stopping("") },
			func() error { return n.Status("x") }, n.Watchdog,
		} {
			if err := send(); err != nil {
				t.Error(err)
			}
		}
		if n.Enabled() || n.WatchdogInterval() != 0 {
			t.Errorf("%+v is enabled", n)
		}
	}
}

func TestWatchdogInterval(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
		wrong     bool
	}{
		{"", "", 0, false},
		{"60000000", "", time.Minute, false},
		{"1500000", self, 1500 * time.Millisecond, false},
		{"60000000", "1", 0, false}, // another process's
		{"60s", self, 0, true},
		{"0", "", 0, true},
		{"-5", "", 0, true},
		{"9223372036854775807", "", 0, true},
	} {
		n, err := FromEnvironment(environment("NOTIFY_SOCKET=@x", "WATCHDOG_USEC="+tt.usec, "WATCHDOG_PID="+tt.pid))
		if got := n.WatchdogInterval(); got != tt.want || (err != nil) != tt.wrong {
			t.Errorf("WATCHDOG_USEC=%s WATCHDOG_PID=%s: got %s, %v", tt.usec, tt.pid, got, err)
		}
		if !n.Enabled() {
			t.Errorf("WATCHDOG_USEC=%s: the rest does not work", tt.usec)
		}
	}
}

func TestSocketsThatMakeNoSenseAreLeftOut(t *testing.T) {
	for _, socket := range []string{"notify", "/", "@", "vsock:2:1234"} {
		n, err := FromEnvironment(environment("NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=1000000"))
		if err == nil || !strings.Contains(err.Error(), socket) || n.Enabled() || n.WatchdogInterval() != 0 {
			t.Errorf("%q: got %+v, %v", socket, n, err)
		}
		if err := n.Ready(""); err != nil {
			t.Error(err)
		}
	}
}

func TestAManagerThatIsGoneIsAnErrorThatNamesTheSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	n := notifier(t, "NOTIFY_SOCKET="+socket)
	if err := n.Ready(""); err == nil || !strings.Contains(err.Error(), socket) {
		t.Errorf("got %v", err)
	}
	m := listen(t, socket)
	if err := n.Ready(""); err != nil {
		t.Fatalf("the socket came back: %v", err)
	}
	m.next()
}

func TestAManagerThatDoesNotReadHoldsNobodyUpForLong(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	listen(t, socket)
	n := notifier(t, "NOTIFY_SOCKET="+socket)
	start := time.Now()
	for range 10_000 { // more than any queue holds
		if n.Watchdog() != nil {
			if waited := time.Since(start); waited > 10*sendPatience {
				t.Errorf("gave up after %s", waited)
			}
			return
		}
	}
	t.Error("the socket takes everything")
}
