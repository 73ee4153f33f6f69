package gitwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// connectTimeout bounds what ssh may take to reach the server, in its own
	// words.
	connectTimeout = "ConnectTimeout=30"
	// sshGrace is how long ssh has to leave after its end.
	sshGrace = 2 * time.Second
	maxWords = 8 << 10 // bytes kept of what ssh says
)

// sshRemote is a repository behind SSH. The ssh program is used, not a library:
// its configuration, known hosts, keys and agent are what operators know. It is
// never asked anything, and an unknown host is an error.
type sshRemote struct {
	options Options
	args    []string
}

func newSSH(o Options, host, port, path string) *sshRemote {
	args := o.SSH
	if len(args) == 0 {
		args = []string{"ssh"}
	}
	args = append(append([]string{}, args...), "-o", "BatchMode=yes", "-o", connectTimeout)
	if port != "" {
		args = append(args, "-p", port)
	}
	// Paths are words of letters, digits, dashes, underscores, dots and slashes.
	return &sshRemote{options: o, args: append(args, "--", host, "git-upload-pack '"+path+"'")}
}

// Refs gives all refs: the second version needs a server that takes variables.
func (r *sshRemote) Refs(ctx context.Context, _ []string) ([]Ref, error) {
	var refs []Ref
	err := r.converse(ctx, func(p *packetReader, to io.Writer) error {
		a, err := readAdvert(p, false)
		if err != nil {
			return err
		}
		refs = a.refs
		_, err = io.WriteString(to, "0000")
		return err
	})
	return refs, err
}

// Fetch asks for one commit, or for all that there is where the server does
// not let one ask.
func (r *sshRemote) Fetch(ctx context.Context, id string, use func(io.Reader) error) error {
	return r.converse(ctx, func(p *packetReader, to io.Writer) error {
		a, err := readAdvert(p, false)
		if err != nil {
			return err
		}
		request, err := a.oldRequest(id)
		if err != nil {
			return err
		}
		if _, err := to.Write(request); err != nil {
			return err
		}
		pack, err := oldPackOf(p)
		if err != nil {
			return err
		}
		return use(pack)
	})
}

// converse runs ssh for one conversation.
func (r *sshRemote) converse(ctx context.Context, talk func(*packetReader, io.Writer) error) error {
	watched, watch := newWatch(ctx, r.options.Stall)
	defer watch.stop()
	command := exec.CommandContext(watched, r.args[0], r.args[1:]...)
	command.WaitDelay = sshGrace
	words := &tail{}
	command.Stderr = words
	to, err := command.StdinPipe()
	if err != nil {
		return err
	}
	from, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%w: actions behind SSH need the ssh program on this machine", err)
		}
		return err
	}
	failed := talk(&packetReader{r: watch.reader(from)}, to)
	to.Close()
	if failed != nil {
		// It may wait for more than it gets. The reason is known.
		watch.cancel(nil)
	}
	ended := command.Wait()
	switch {
	case failed == nil:
		// What was asked for is here, however ssh ends.
		return nil
	case ctx.Err() == nil && words.text() != "" && (errors.Is(failed, errCut) || errors.Is(failed, io.EOF)):
		return &RemoteError{Text: words.text()}
	case errors.Is(failed, errCut) && ended != nil && ctx.Err() == nil:
		return fmt.Errorf("%w: ssh: %w", failed, ended)
	}
	return failed
}

// tail keeps the end of what ssh says on its standard error.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if len(t.data) > maxWords {
		t.data = t.data[len(t.data)-maxWords:]
	}
	return len(b), nil
}

// text gives the last two lines: the reason, and what ssh makes of it.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(string(bytes.TrimSpace(t.data)), "\n")
	lines = lines[max(0, len(lines)-2):]
	for i, line := range lines {
		lines[i] = oneLine(line)
	}
	return strings.Join(lines, "; ")
}
