package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// holePuncher gives the acknowledged part of a spool back to the file system.
type holePuncher struct {
	done int64 // everything before is a hole, the first block excepted
	off  bool  // the file system cannot
}

const (
	punchBlock = 4 << 10 // the first one stays: it has the header
	punchStep  = 8 << 20
)

func (h *holePuncher) worthwhile(offset int64) bool {
	return !h.off && offset-h.done >= punchStep
}

func (h *holePuncher) punch(file *os.File, offset int64) error {
	from, to := max(h.done, punchBlock), offset/punchBlock*punchBlock
	if to <= from {
		return nil
	}
	err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	if err == nil {
		h.done = to
		return nil
	}
	h.off = true
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return &os.PathError{Op: "punch a hole", Path: file.Name(), Err: err}
}
