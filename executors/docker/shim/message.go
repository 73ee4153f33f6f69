package shim

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// encoder makes a message. Texts may hold any bytes: names of files, arguments
// and environments do.
type encoder []byte

func (e *encoder) uint(n uint64)        { *e = binary.AppendUvarint(*e, n) }
func (e *encoder) int(n int64)          { *e = binary.AppendVarint(*e, n) }
func (e *encoder) time(d time.Duration) { e.int(int64(d)) }
func (e *encoder) bytes(b []byte)       { e.uint(uint64(len(b))); *e = append(*e, b...) }
func (e *encoder) text(s string)        { e.uint(uint64(len(s))); *e = append(*e, s...) }
func (e *encoder) flag(b bool)          { e.uint(map[bool]uint64{true: 1}[b]) }
func (e *encoder) texts(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.text(s)
	}
}

// decoder reads a message. After the first fault everything is empty.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) int() int64 {
	n, size := binary.Varint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) time() time.Duration { return time.Duration(d.int()) }
func (d *decoder) flag() bool          { return d.uint() == 1 }
func (d *decoder) text() string        { return string(d.bytes()) }

// bytes gives a part of the message itself.
func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) texts() []string {
	n := d.uint()
	if n > uint64(len(d.rest)) { // each takes a byte at least
		d.bad, d.rest = true, nil
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, d.text())
	}
	return list
}

// end tells whether the message was what it should be, and nothing more.
func (d *decoder) end(k kind) error {
	if d.bad || len(d.rest) > 0 {
		return violation("a message (%v) that cannot be read", k)
	}
	return nil
}

// Hello is what a container tells of itself. Texts are at most 256 bytes and
// have no control characters.
type Hello struct {
	PID      int    // 1 in a container with a PID namespace of its own
	UID, GID int    // that commands run as
	System   string // the pretty name of os-release(5); empty without one
	Hostname string
	Arch     string // as Go names it: amd64, arm64
}

const helloMagic = "multirunner shim"

func (h Hello) encode() []byte {
	var e encoder
	e.text(helloMagic)
	e.uint(version)
	e.int(int64(h.PID))
	e.int(int64(h.UID))
	e.int(int64(h.GID))
	e.text(h.System)
	e.text(h.Hostname)
	e.text(h.Arch)
	return e
}

func decodeHello(payload []byte) (Hello, error) {
	d := decoder{rest: payload}
	if d.text() != helloMagic {
		return Hello{}, violation("it does not begin with a greeting")
	}
	if v := d.uint(); v != version {
		return Hello{}, violation("the container speaks version %d, this runner %d: both must be of one build", v, version)
	}
	h := Hello{PID: int(d.int()), UID: int(d.int()), GID: int(d.int())}
	h.System, h.Hostname, h.Arch = line(d.text(), 256), line(d.text(), 256), line(d.text(), 256)
	return h, d.end(kindHello)
}

// open is what a client tells at the start.
type open struct {
	temp, workspace string
	graceful, force time.Duration
}

func (o open) encode() []byte {
	var e encoder
	e.text(o.temp)
	e.text(o.workspace)
	e.time(o.graceful)
	e.time(o.force)
	return e
}

func decodeOpen(payload []byte) (open, error) {
	d := decoder{rest: payload}
	o := open{temp: d.text(), workspace: d.text(), graceful: d.time(), force: d.time()}
	return o, d.end(kindOpen)
}

// start is a command.
type start struct {
	path      string
	args, env []string
	dir       string
	// Which output is wanted. joined: both go to one writer.
	stdout, stderr, joined, late bool
}

func (s start) encode() []byte {
	var e encoder
	e.text(s.path)
	e.texts(s.args)
	e.texts(s.env)
	e.text(s.dir)
	e.flag(s.stdout)
	e.flag(s.stderr)
	e.flag(s.joined)
	e.flag(s.late)
	return e
}

func decodeStart(payload []byte) (start, error) {
	d := decoder{rest: payload}
	s := start{
		path: d.text(), args: d.texts(), env: d.texts(), dir: d.text(),
		stdout: d.flag(), stderr: d.flag(), joined: d.flag(), late: d.flag(),
	}
	return s, d.end(kindStart)
}

// exit is how a command ended. drained: nothing late follows.
type exit struct {
	code    int
	signal  string
	drained bool
}

func (x exit) encode() []byte {
	var e encoder
	e.int(int64(x.code))
	e.text(x.signal)
	e.flag(x.drained)
	return e
}

func decodeExit(payload []byte) (exit, error) {
	d := decoder{rest: payload}
	x := exit{code: int(int32(d.int())), signal: line(d.text(), 64), drained: d.flag()}
	return x, d.end(kindExit)
}

// meanings are the errors that can be told from one another on the other side.
// Their places are part of the protocol.
var meanings = [...]error{nil, fs.ErrNotExist, fs.ErrPermission, exec.ErrNotFound, syscall.E2BIG}

// RemoteError is an error from inside the container. It wraps fs.ErrNotExist,
// fs.ErrPermission, exec.ErrNotFound or syscall.E2BIG when it is one of these.
type RemoteError struct {
	Text    string
	meaning error
}

func (e *RemoteError) Error() string { return e.Text }
func (e *RemoteError) Unwrap() error { return e.meaning }

func encodeError(err error) []byte {
	code := 0
	for i, meaning := range meanings {
		if i > 0 && errors.Is(err, meaning) {
			code = i
			break
		}
	}
	text := err.Error()
	const most = 8 << 10
	var e encoder
	e.uint(uint64(code))
	e.text(text[:min(len(text), most)])
	return e
}

func decodeError(payload []byte) (*RemoteError, error) {
	d := decoder{rest: payload}
	code := d.uint()
	e := &RemoteError{Text: line(d.text(), 8<<10)}
	if code >= uint64(len(meanings)) {
		return nil, violation("error number %d", code)
	}
	e.meaning = meanings[code]
	return e, d.end(kindFailed)
}

// line makes a text of the container fit for a line of a log.
func line(text string, most int) string {
	text = strings.ToValidUTF8(text[:min(len(text), most)], "?")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
