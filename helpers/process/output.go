package process

import (
	"io"
	"os"
	"sync"
	"time"
)

// output is the reading side of a command's standard output and error.
type output struct {
	streams []*stream
	stdout  *stream // nil: the null device
	stderr  *stream // may be the same
	late    io.Writer
	buffers *sync.Pool // of *[]byte, to read into
}

func (f *Family) newOutput(o Options) (*output, error) {
	out := &output{buffers: &f.buffers}
	if o.Late != nil {
		out.late = &lockedWriter{mu: &f.late, w: o.Late}
	}
	if o.Stdout == nil && o.Stderr == nil && o.Late == nil {
		return out, nil
	}
	var err error
	if out.stdout, err = out.add(o.Stdout); err != nil {
		return nil, err
	}
	if sameWriter(o.Stdout, o.Stderr) {
		out.stderr = out.stdout
		return out, nil
	}
	if out.stderr, err = out.add(o.Stderr); err != nil {
		out.discard()
		return nil, err
	}
	return out, nil
}

func (o *output) add(sink io.Writer) (*stream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &stream{r: r, w: w, sink: sink, done: make(chan struct{})}
	o.streams = append(o.streams, s)
	return s, nil
}

func (o *output) stdoutEnd() *os.File { return o.stdout.end() }
func (o *output) stderrEnd() *os.File { return o.stderr.end() }

// start closes the command's ends on our side and begins to read.
func (o *output) start() {
	for _, s := range o.streams {
		s.w.Close()
		go s.read(o.buffers)
	}
}

// discard is for a command that did not start.
func (o *output) discard() {
	for _, s := range o.streams {
		s.w.Close()
		s.r.Close()
	}
}

// await returns when every stream is closed.
func (o *output) await() {
	for _, s := range o.streams {
		<-s.done
	}
}

// settle returns when every stream is closed or was quiet, at most after limit,
// and sends what comes later to late.
func (o *output) settle(quiet, limit time.Duration) {
	began := time.Now()
	for _, s := range o.streams {
		s.settle(began, quiet, limit)
	}
	for _, s := range o.streams {
		s.redirect(o.late)
	}
}

// abandon stops reading although somebody still holds the other end.
func (o *output) abandon(drained <-chan struct{}) {
	for _, s := range o.streams {
		s.r.Close()
	}
	// Closing interrupts a pending read where pipes are polled. Elsewhere
	// (Windows) the reader stays until the writer is gone.
	if closeInterruptsRead {
		<-drained
	}
}

// stream is one pipe.
type stream struct {
	r, w *os.File
	done chan struct{} // closed at the end of the stream

	mu   sync.Mutex // held while sink is written to
	sink io.Writer
	last time.Time // of the last write
}

func (s *stream) end() *os.File {
	if s == nil {
		return nil
	}
	return s.w
}

func (s *stream) read(buffers *sync.Pool) {
	defer close(s.done)
	defer s.r.Close()
	kept, ok := buffers.Get().(*[]byte)
	if !ok {
		made := make([]byte, 64<<10)
		kept = &made
	}
	defer buffers.Put(kept)
	buf := *kept
	for {
		n, err := s.r.Read(buf)
		if n > 0 {
			s.write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (s *stream) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink != nil {
		// The command must not notice that its output is not wanted.
		_, _ = s.sink.Write(p)
	}
	s.last = time.Now()
}

func (s *stream) settle(began time.Time, quiet, limit time.Duration) {
	for {
		wait := min(s.noise(began, quiet), limit-time.Since(began))
		if wait <= 0 {
			return
		}
		select {
		case <-s.done:
			return
		case <-time.After(wait):
		}
	}
}

// noise is how long the stream must stay silent to count as quiet; 0 or less:
// it is.
func (s *stream) noise(began time.Time, quiet time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	// On a busy machine the reader may not have had its turn: what is in the
	// pipe was written before now.
	if buffered(s.r) > 0 {
		return max(quiet/10, time.Millisecond)
	}
	since := s.last
	if since.Before(began) {
		since = began
	}
	return quiet - time.Since(since)
}

func (s *stream) redirect(sink io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sink = sink
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// sameWriter compares two writers; ones that cannot be compared differ.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	return a != nil && a == b
}
