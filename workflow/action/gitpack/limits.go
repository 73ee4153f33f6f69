package gitpack

import (
	"errors"
	"fmt"
)

// ErrMalformed means that what came is not a pack, or not a whole one.
var ErrMalformed = errors.New("not a valid pack")

// ErrLimit means that what came is larger than it may be.
var ErrLimit = errors.New("too large")

// ErrMissing means that an object that is needed is not in the pack.
var ErrMissing = errors.New("not in the pack")

// ErrRefused means that a commit has a file that must not be written.
var ErrRefused = errors.New("refused")

// Limits bound what a pack may hold. All must be set.
type Limits struct {
	Pack    int64 // bytes of the pack
	Objects int   // in the pack
	Held    int64 // bytes of one object that has to be in memory: trees, deltas and what they stand for
	Entries int   // files, links and directories of the commit
	Files   int64 // bytes of all files of the commit together
}

// DefaultLimits are generous: the largest actions known have a hundred
// megabytes and some ten thousand files.
func DefaultLimits() Limits {
	return Limits{Pack: 1 << 30, Objects: 500_000, Held: 128 << 20, Entries: 200_000, Files: 2 << 30}
}

const (
	maxChain    = 4095     // deltas upon each other (git: OE_DEPTH_BITS)
	maxDepth    = 100      // directories within each other
	maxName     = 255      // bytes of a file's name, as file systems have it
	maxLink     = 4096     // bytes of a link's target
	maxTags     = 8        // tags of tags
	maxRounds   = 64       // looks at deltas whose base is not known yet
	heldBudget  = 48 << 20 // bytes of small objects that are not read twice
	heldEach    = 256 << 10
	cacheBudget = 64 << 20 // bytes of bases of deltas
)

func limitf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrLimit, fmt.Sprintf(format, args...))
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
