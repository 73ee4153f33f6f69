// Package sdnotify tells systemd, or whatever else gave this process a
// NOTIFY_SOCKET, how the process is. See sd_notify(3).
package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// sendPatience bounds a message: a manager that does not read its socket must
// not hold this process up.
const sendPatience = time.Second

// Notifier speaks to the manager of this process. Without one every method
// does nothing and returns nil; so do those of a nil Notifier. It is safe for
// concurrent use, and messages sent one after another arrive in that order.
type Notifier struct {
	socket   string
	watchdog time.Duration
	now      func() (time.Duration, bool) // CLOCK_MONOTONIC, where there is one
}

// FromEnvironment reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. They
// stay in the environment: whoever starts other processes takes care that
// these do not get them. The Notifier can be used after an error too, which
// tells what of the environment makes no sense and is left out.
func FromEnvironment(getenv func(string) string) (*Notifier, error) {
	n := &Notifier{now: monotonic}
	socket := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return n, nil
	}
	if socket[0] != '/' && socket[0] != '@' || len(socket) < 2 {
		return n, fmt.Errorf("NOTIFY_SOCKET=%q is neither a path nor an abstract name (@…): the service manager is told nothing", socket)
	}
	n.socket = socket
	interval, err := watchdogInterval(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), os.Getpid())
	n.watchdog = interval
	return n, err
}

// watchdogInterval is zero when no watchdog is asked of this process.
func watchdogInterval(usec, pid string, self int) (time.Duration, error) {
	if usec == "" {
		return 0, nil
	}
	if pid != "" && pid != strconv.Itoa(self) {
		return 0, nil // it is meant for a process that started this one
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(1<<63-1)/int64(time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC=%q is not a number of microseconds: the watchdog is not fed", usec)
	}
	return time.Duration(n) * time.Microsecond, nil
}

// Enabled tells whether there is a manager to tell.
func (n *Notifier) Enabled() bool { return n != nil && n.socket != "" }

// WatchdogInterval is how long the manager waits for Watchdog before it takes
// the process for hung; feed it at least twice as often. Zero means that
// nobody waits.
func (n *Notifier) WatchdogInterval() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready says that the process has started, or has reloaded. status is shown
// to people; empty leaves the one that is shown.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", statusLine(status)) }

// Reloading says that the process reads its configuration again. Ready has to
// follow, whether the reload succeeds or not.
func (n *Notifier) Reloading() error {
	if !n.Enabled() {
		return nil
	}
	at, ok := n.now()
	if !ok {
		return n.send("RELOADING=1")
	}
	return n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(at.Microseconds(), 10))
}

// Stopping says that the process is about to end. It is the last word.
func (n *Notifier) Stopping(status string) error { return n.send("STOPPING=1", statusLine(status)) }

// Status shows a line to people who ask the manager.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + oneLine(status)) }

// Watchdog says that the process lives.
func (n *Notifier) Watchdog() error { return n.send("WATCHDOG=1") }

func statusLine(status string) string {
	if status == "" {
		return ""
	}
	return "STATUS=" + oneLine(status)
}

// oneLine keeps text from adding assignments to a message.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' }), " ")
}

// send sends one datagram. A connection per message follows a manager that
// made its socket anew.
func (n *Notifier) send(assignments ...string) (err error) {
	if !n.Enabled() {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("NOTIFY_SOCKET %s: %w", n.socket, err)
		}
	}()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetWriteDeadline(time.Now().Add(sendPatience)); err != nil {
		return err
	}
	var message strings.Builder
	for _, a := range assignments {
		if a != "" {
			message.WriteString(a + "\n")
		}
	}
	_, err = conn.Write([]byte(message.String()))
	return err
}
