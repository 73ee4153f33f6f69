package spool

import (
	"io"
	"sync"
)

// Memory is a spool without a file, for tests under a fake clock: the writing
// side, the reading side, and the stored Sent. Close it.
type Memory struct {
	*Writer
	data *memoryFile

	mu     sync.Mutex
	reader scanner
	sent   Sent
}

// NewMemory gives an empty one.
func NewMemory(options Options) *Memory {
	m := &Memory{data: new(memoryFile)}
	_, _ = m.data.Write(fileHeader()) // a memoryFile takes everything
	m.Writer = newWriter(m.data, Start, 0, func() (int64, error) { return m.LoadSent().Offset, nil }, options)
	return m
}

// Read implements Source.
func (m *Memory) Read(offset int64, visit func(Record) bool) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reader.run(m.data, "spool in memory", offset, visit)
}

// Release implements Source: what is before offset becomes zeros.
func (m *Memory) Release(offset int64) (bool, error) {
	m.data.clear(offset)
	return true, nil
}

// LoadSent gives what StoreSent took last.
func (m *Memory) LoadSent() Sent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent
}

// StoreSent keeps a Sent. It never fails.
func (m *Memory) StoreSent(sent Sent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = sent
	return nil
}

// memoryFile is a growing file.
type memoryFile struct {
	mu   sync.Mutex
	data []byte
}

func (f *memoryFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f *memoryFile) ReadAt(p []byte, offset int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) clear(offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := min(offset, int64(len(f.data))); end > Start {
		clear(f.data[Start:end])
	}
}

func (f *memoryFile) Sync() error  { return nil }
func (f *memoryFile) Close() error { return nil }
