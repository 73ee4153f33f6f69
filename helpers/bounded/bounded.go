// Package bounded keeps output of programs that may say too much.
package bounded

import "bytes"

// Buffer keeps the first Most bytes that are written to it, and lets the rest
// go: whoever writes is never told. It is for one goroutine at a time.
type Buffer struct {
	Most int

	kept bytes.Buffer
	over bool
}

func (b *Buffer) Write(p []byte) (int, error) {
	n := min(len(p), b.Most-b.kept.Len())
	b.kept.Write(p[:n])
	b.over = b.over || n < len(p)
	return len(p), nil
}

// Bytes gives what was kept; it is valid until the next write.
func (b *Buffer) Bytes() []byte { return b.kept.Bytes() }

// String gives what was kept.
func (b *Buffer) String() string { return b.kept.String() }

// Over tells whether there was more.
func (b *Buffer) Over() bool { return b.over }
