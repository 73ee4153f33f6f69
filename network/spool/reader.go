package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"multirunner/common"
)

// Source is what the sender reads a job's records from. It is used by one
// goroutine at a time.
type Source interface {
	// Read visits the records from offset on, which is Start or the Next of a
	// record, until visit gives false or no complete record is left. It gives
	// the offset to go on from: that of the record that visit refused, or of
	// the incomplete one at the end. A spool that does not exist yet has no
	// records. What cannot be read is a *CorruptError, and all of a spool that
	// another version of this program wrote a *common.VersionError.
	Read(offset int64, visit func(Record) bool) (int64, error)
	// Release says that nothing before offset has to be read again, and that
	// a stored Sent says so. It tells whether the space was given back, so
	// that what is before offset is gone.
	Release(offset int64) (bool, error)
}

// CorruptError says that a record cannot be read: a flipped bit, an unreadable
// sector, or a file that is no spool of a known version.
type CorruptError struct {
	Path   string
	Offset int64
	// Next is where the record after the bad one starts, 0 if nothing behind
	// it makes sense. Kind is the bad record's kind as far as it can be told.
	Next int64
	Kind Kind
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %v", e.Path, e.Offset, e.Err)
}

// Unwrap gives the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

const (
	readBuffer = 64 << 10
	holeBlock  = 4 << 10 // of file systems; the first one stays, it has the header
)

// Reader reads the spool in a job directory while it grows. It is for one
// goroutine at a time.
type Reader struct {
	dir  string
	file *os.File
	scan scanner

	noHoles bool
}

// OpenReader gives a reader of the spool in dir, which need not exist yet.
// Close it.
func OpenReader(dir string) *Reader { return &Reader{dir: dir} }

// Read implements Source.
func (r *Reader) Read(offset int64, visit func(Record) bool) (int64, error) {
	if err := r.open(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return offset, nil
		}
		return offset, err
	}
	return r.scan.run(r.file, r.file.Name(), offset, visit)
}

func (r *Reader) open() error {
	if r.file != nil {
		return nil
	}
	path := filepath.Join(r.dir, FileName)
	file, err := os.OpenFile(path, os.O_RDWR, 0) // to write is for Release only
	if errors.Is(err, fs.ErrPermission) {
		file, err = os.Open(path)
	}
	if err != nil {
		return err
	}
	r.file = file
	return nil
}

// Release implements Source: on Linux the file up to offset becomes a hole,
// its first block excepted. It costs a sync of the stored Sent, so call it for
// some MiB at once.
func (r *Reader) Release(offset int64) (bool, error) {
	if !holesKnown || r.noHoles {
		return false, nil
	}
	if err := r.open(); err != nil {
		return false, err
	}
	// A hole without the Sent that explains it would look like damage, so
	// that one has to be on the disk first.
	sent, err := LoadSent(r.dir)
	if err != nil {
		return false, err
	}
	if sent.Offset < offset {
		return false, fmt.Errorf("%s: stored offset %d is before %d: nothing released", r.file.Name(), sent.Offset, offset)
	}
	if err := syncFile(filepath.Join(r.dir, SentName)); err != nil {
		return false, err
	}
	to := offset / holeBlock * holeBlock
	if to <= holeBlock {
		return false, nil
	}
	err = punchHole(r.file, holeBlock, to-holeBlock)
	r.noHoles = err != nil // this file system cannot, so do not try again
	if errors.Is(err, errors.ErrUnsupported) {
		return false, nil
	}
	return err == nil, err
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Close closes the file. The reader may be used again.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	return file.Close()
}

// scanner cuts a file into records.
type scanner struct {
	buf    []byte
	table  *crc32.Table
	header bool // the file's header has been checked
}

func (s *scanner) run(file io.ReaderAt, path string, offset int64, visit func(Record) bool) (int64, error) {
	if s.buf == nil {
		s.buf = make([]byte, readBuffer)
		s.table = crc32.MakeTable(crc32.Castagnoli)
	}
	defer func() {
		if len(s.buf) > readBuffer { // a large record passed; do not keep its buffer
			s.buf = s.buf[:readBuffer:readBuffer]
		}
	}()
	offset = max(offset, Start)
	if ok, err := s.checkHeader(file, path); err != nil || !ok {
		return offset, err
	}
	for {
		n, err := file.ReadAt(s.buf, offset)
		if err != nil && err != io.EOF {
			return offset, &CorruptError{Path: path, Offset: offset, Err: err}
		}
		chunk := s.buf[:n]
		used, want, stop, bad := s.cut(chunk, offset, visit)
		offset += int64(used)
		switch {
		case bad != nil:
			bad.Path = path
			s.findNext(file, bad)
			return offset, bad
		case stop || n < len(s.buf):
			return offset, nil
		case want > len(s.buf):
			s.buf = make([]byte, want)
		}
	}
}

// checkHeader tells whether the header is there.
func (s *scanner) checkHeader(file io.ReaderAt, path string) (bool, error) {
	if s.header {
		return true, nil
	}
	var head [Start]byte
	n, err := file.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return false, &CorruptError{Path: path, Err: err}
	}
	if n < len(head) {
		return false, nil
	}
	if string(head[:4]) != magic {
		return false, &CorruptError{Path: path, Err: fmt.Errorf("no spool: it starts with %q", head[:])}
	}
	if err := common.CheckVersion(path, int(binary.LittleEndian.Uint32(head[4:])), Version); err != nil {
		return false, err
	}
	s.header = true
	return true, nil
}

// cut visits the complete records of a chunk that starts at offset. It gives
// the bytes used and the bytes that the record after them needs.
func (s *scanner) cut(chunk []byte, offset int64, visit func(Record) bool) (used, want int, stop bool, bad *CorruptError) {
	for {
		rest := chunk[used:]
		if len(rest) < recordHeader {
			return used, recordHeader, false, nil
		}
		at := offset + int64(used)
		length := binary.LittleEndian.Uint32(rest)
		if length == 0 || length > MaxRecord+1 {
			return used, 0, true, &CorruptError{Offset: at, Err: fmt.Errorf("a record of %d bytes", length)}
		}
		size := 8 + int(length)
		if len(rest) < size {
			return used, size, false, nil
		}
		kind := Kind(rest[8])
		if checksum(rest[:size], s.table) != binary.LittleEndian.Uint32(rest[4:]) {
			return used, 0, true, &CorruptError{Offset: at, Next: at + int64(size), Kind: kind, Err: errors.New("wrong checksum")}
		}
		if !visit(Record{Kind: kind, Offset: at, Next: at + int64(size), Data: rest[recordHeader:size:size]}) {
			return used, 0, true, nil
		}
		used += size
	}
}

// findNext keeps bad.Next only if a sound record starts there: else the length
// cannot be trusted either.
func (s *scanner) findNext(file io.ReaderAt, bad *CorruptError) {
	if bad.Next == 0 {
		return
	}
	var head [recordHeader]byte
	if _, err := file.ReadAt(head[:], bad.Next); err != nil {
		bad.Next = 0
		return
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length == 0 || length > MaxRecord+1 {
		bad.Next = 0
		return
	}
	rec := make([]byte, 8+int(length))
	n, err := file.ReadAt(rec, bad.Next)
	if n < len(rec) || err != nil && err != io.EOF || checksum(rec, s.table) != binary.LittleEndian.Uint32(rec[4:]) {
		bad.Next = 0
	}
}
