// Package unixsocket makes Unix sockets that only their owner can use, also
// where the wanted path is too long for one.
package unixsocket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// MaxPath is how many bytes the path of a socket may have: systems allow 104
// to 108, with a terminator.
const MaxPath = 100

// Listener is a listening socket. Close removes it.
type Listener struct {
	net.Listener
	path    string
	tempDir string // holds path when the wanted one was too long
}

// Listen makes the socket at path, 0600, in place of one that a dead process
// left there: who calls it knows that nobody else listens. A path of more than
// MaxPath bytes is too long for a socket: then it is made in a fresh 0700
// directory under the temp directory, whose name begins with prefix; see Path.
func Listen(path, prefix string) (*Listener, error) {
	l := &Listener{path: path}
	if len(path) > MaxPath {
		dir, err := os.MkdirTemp("", prefix) // 0700
		if err != nil {
			return nil, err
		}
		l.tempDir, l.path = dir, filepath.Join(dir, "sock")
	}
	if err := l.listen(); err != nil {
		return nil, errors.Join(err, l.removeTemp())
	}
	return l, nil
}

func (l *Listener) listen() error {
	if len(l.path) > MaxPath {
		return fmt.Errorf("%s is too long for a socket: set TMPDIR to a shorter directory", l.path)
	}
	if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", l.path)
	if err != nil {
		return err
	}
	if err := os.Chmod(l.path, 0o600); err != nil {
		return errors.Join(err, listener.Close())
	}
	l.Listener = listener
	return nil
}

// Inherit gives the listening socket that Detach passed on. wanted and prefix
// are Listen's. The file is closed.
func Inherit(file *os.File, wanted, prefix string) (*Listener, error) {
	listener, err := net.FileListener(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	socket, ok := listener.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no Unix socket", file.Name()), listener.Close())
	}
	socket.SetUnlinkOnClose(true)
	l := &Listener{Listener: socket, path: socket.Addr().String()}
	if dir := filepath.Dir(l.path); l.path != wanted && strings.HasPrefix(filepath.Base(dir), prefix) {
		l.tempDir = dir
	}
	return l, nil
}

// Detach ends the listening here, while the file goes on: who connects waits
// for whoever inherits it.
func (l *Listener) Detach() (*os.File, error) {
	socket, ok := l.Listener.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("%s is no Unix socket", l.path)
	}
	file, err := socket.File()
	if err != nil {
		return nil, err
	}
	socket.SetUnlinkOnClose(false)
	return file, socket.Close()
}

func (l *Listener) removeTemp() error {
	if l.tempDir == "" {
		return nil
	}
	return os.RemoveAll(l.tempDir)
}

// Path is where the socket is.
func (l *Listener) Path() string { return l.path }

// Close ends the listening and removes the socket.
func (l *Listener) Close() error { return errors.Join(l.Listener.Close(), l.removeTemp()) }

// RemoveStray removes a socket that a killed process left outside of the
// wanted place. One that is in the wanted place is left alone.
func RemoveStray(path, prefix string) error {
	dir := filepath.Dir(path)
	if path == "" || !strings.HasPrefix(filepath.Base(dir), prefix) {
		return nil
	}
	return os.RemoveAll(dir)
}
