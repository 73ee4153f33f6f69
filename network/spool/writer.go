package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
)

var (
	// ErrEnded is the answer to whatever comes after End or Close.
	ErrEnded = errors.New("the spool has its end")
	// ErrDropped says that a row was dropped: spool_max_bytes are waiting for
	// the server, or the disk is full. A later row tells how many were.
	ErrDropped = errors.New("row dropped: too much waits to be sent")
	// ErrTooLarge says that a record is over MaxRecord.
	ErrTooLarge = errors.New("record too large")
)

const (
	flushDelay  = 10 * time.Millisecond // the longest that a row waits for company
	flushBytes  = 64 << 10
	retryDelay  = time.Second // between attempts while the disk is full
	ackedDelay  = 100 * time.Millisecond
	rowReserve  = 4 << 20  // of memory, for rows, while the disk is full
	restReserve = 16 << 20 // and for what is not a row, together with the rows
)

// Options are those of a Writer.
type Options struct {
	// MaxBytes is spool_max_bytes: what may wait for the server before rows
	// are dropped. 0 is no limit.
	MaxBytes int64
	// Notify is called, not concurrently, after records were written and can
	// be read. urgent says that there is something else than rows among them.
	// It must not block. May be nil.
	Notify func(urgent bool)
}

// output is what a Writer appends to.
type output interface {
	io.Writer
	Sync() error
	Close() error
}

// Writer appends to a spool. It is a common.Trace.
//
// While the disk is full the records stay in memory, up to a bound, and each
// call gives the disk's error; they are written when there is room again.
type Writer struct {
	options Options
	table   *crc32.Table
	out     output
	acked   func() (int64, error) // offset of the stored Sent

	mu       sync.Mutex
	buf      []byte // records not written yet
	urgent   bool   // one of them is not a row
	written  int64  // where buf goes
	rows     int64
	dropped  int64 // rows since the last row that counted them
	cause    string
	ackedAt  int64 // as last read
	ackedAsk time.Time
	retryAt  time.Time // after a failed write
	failure  error
	ended    bool
	durable  bool // the end is on the disk
	closed   bool

	notifyMu sync.Mutex
	kick     chan struct{}
	stop     chan struct{}
	done     chan struct{}
}

// Create makes the spool in dir, which must not have one. Close it.
func Create(dir string, options Options) (*Writer, error) {
	file, err := os.OpenFile(filepath.Join(dir, FileName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(fileHeader()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return newWriter(file, Start, 0, func() (int64, error) {
		sent, err := LoadSent(dir)
		return sent.Offset, err
	}, options), nil
}

func newWriter(out output, offset, rows int64, acked func() (int64, error), options Options) *Writer {
	w := &Writer{
		options: options,
		table:   crc32.MakeTable(crc32.Castagnoli),
		out:     out,
		acked:   acked,
		written: offset,
		rows:    rows,
		ackedAt: Start,
		kick:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go w.flusher()
	return w
}

// Row implements common.Trace. Bytes that are not UTF-8 are replaced, what is
// over MaxRow is cut: the server takes neither.
func (w *Writer) Row(at time.Time, content string) error {
	content = cleanRow(content)
	w.mu.Lock()
	err, write := w.row(at, content)
	urgent := false
	if write {
		urgent, write, err = w.write()
	}
	w.mu.Unlock()
	if write {
		w.notify(urgent)
	}
	return err
}

// row buffers a row and tells whether the buffer is to be written now.
func (w *Writer) row(at time.Time, content string) (err error, write bool) {
	if w.ended || w.closed {
		return ErrEnded, false
	}
	if !w.room(len(content)) {
		w.dropped++
		return ErrDropped, false
	}
	w.countDropped(at)
	w.appendRow(at, content)
	if len(w.buf) >= flushBytes && !time.Now().Before(w.retryAt) {
		return nil, true
	}
	w.kickFlusher()
	return w.failure, false
}

func (w *Writer) appendRow(at time.Time, content string) {
	start := len(w.buf)
	w.buf = appendRow(beginRecord(w.buf, KindRow), at, content)
	finishRecord(w.buf, start, w.table)
	w.rows++
}

// Rows implements common.Trace.
func (w *Writer) Rows() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows
}

// State implements common.Trace.
func (w *Writer) State(state *runnerv1.TaskState) error {
	return w.record(KindState, proto.Size(state), func(buf []byte) ([]byte, error) {
		return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(buf, state) // of proto.Size right before
	})
}

// Output implements common.Trace.
func (w *Writer) Output(name, value string) error {
	name, value = strings.ToValidUTF8(name, "\uFFFD"), strings.ToValidUTF8(value, "\uFFFD")
	return w.record(KindOutput, len(name)+len(value), func(buf []byte) ([]byte, error) {
		return appendOutput(buf, name, value), nil
	})
}

// Summary implements common.Trace.
func (w *Writer) Summary(step int, markdown []byte) error {
	return w.record(KindSummary, len(markdown), func(buf []byte) ([]byte, error) {
		return appendSummary(buf, step, markdown), nil
	})
}

// record appends a record that is not a row, and writes.
func (w *Writer) record(kind Kind, size int, encode func([]byte) ([]byte, error)) error {
	w.mu.Lock()
	if w.ended || w.closed {
		w.mu.Unlock()
		return ErrEnded
	}
	err := w.buffer(kind, size, encode)
	if err != nil {
		w.mu.Unlock()
		return err
	}
	urgent, wrote, err := w.write()
	w.mu.Unlock()
	if wrote {
		w.notify(urgent)
	}
	return err
}

func (w *Writer) buffer(kind Kind, size int, encode func([]byte) ([]byte, error)) error {
	if size > MaxRecord-1024 {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	if kind != KindEnd && len(w.buf)+size > restReserve {
		return fmt.Errorf("record dropped: %w", w.failure)
	}
	start := len(w.buf)
	buf, err := encode(beginRecord(w.buf, kind))
	if err != nil {
		return err
	}
	w.buf = buf
	finishRecord(w.buf, start, w.table)
	w.urgent = true
	return nil
}

// End implements common.Trace. When it fails because of the disk, the end
// stays in memory; Flush tries again.
func (w *Writer) End(state *runnerv1.TaskState, reason string) error {
	encoded, err := proto.Marshal(state)
	if err != nil {
		return err
	}
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	w.mu.Lock()
	if w.ended || w.closed {
		w.mu.Unlock()
		return ErrEnded
	}
	w.countDropped(time.Now())
	err = w.buffer(KindEnd, len(encoded)+len(reason), func(buf []byte) ([]byte, error) {
		return appendEnd(buf, encoded, reason), nil
	})
	w.ended = err == nil
	w.mu.Unlock()
	return errors.Join(err, w.Flush())
}

// Flush writes what is buffered, and after End makes it durable.
func (w *Writer) Flush() error {
	w.mu.Lock()
	urgent, wrote, err := w.write()
	if err == nil && w.ended && !w.durable {
		err = w.out.Sync()
		w.durable = err == nil
	}
	w.mu.Unlock()
	if wrote {
		w.notify(urgent)
	}
	return err
}

// write hands the buffer to the file. Part of it may have been written before
// an error: the rest is tried again, readers wait for it.
func (w *Writer) write() (urgent, wrote bool, err error) {
	if len(w.buf) == 0 {
		return false, false, nil
	}
	n, err := w.out.Write(w.buf)
	w.written += int64(n)
	if err != nil {
		w.buf = append(w.buf[:0], w.buf[n:]...)
		w.failure = fmt.Errorf("kept in memory for now: %w", err)
		w.retryAt = time.Now().Add(retryDelay)
		w.kickFlusher()
		return false, false, w.failure
	}
	urgent = w.urgent
	w.urgent, w.failure, w.retryAt = false, nil, time.Time{}
	if cap(w.buf) > 4*flushBytes {
		w.buf = nil
	}
	w.buf = w.buf[:0]
	return urgent, true, nil
}

func (w *Writer) notify(urgent bool) {
	if w.options.Notify == nil {
		return
	}
	w.notifyMu.Lock()
	defer w.notifyMu.Unlock()
	w.options.Notify(urgent)
}

func (w *Writer) kickFlusher() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// flusher writes rows that nothing else has written for flushDelay.
func (w *Writer) flusher() {
	defer close(w.done)
	for {
		select {
		case <-w.stop:
			return
		case <-w.kick:
		}
		w.mu.Lock()
		delay := max(flushDelay, time.Until(w.retryAt))
		w.mu.Unlock()
		select {
		case <-w.stop:
			return
		case <-time.After(delay):
		}
		// The error stays in w.failure; the next call gives it.
		_ = w.Flush()
	}
}

// Close writes what is buffered and closes the file. Nothing is taken after.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	w.mu.Unlock()
	close(w.stop)
	<-w.done
	return errors.Join(w.Flush(), w.out.Close())
}
