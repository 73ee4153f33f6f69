package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"multirunner/helpers/flock"
)

const (
	// sparesName is the directory of what is ready for claims to come. Nothing in
	// it is anybody's job.
	sparesName = "spares"
	// sparesMax is how many are kept: claims that come faster go the long way.
	sparesMax = 8
	// spareSize is the size of a claim.json that is ready: blanks, which JSON
	// passes over. A longer claim makes the file longer.
	spareSize = 1 << 10
)

// An open file keeps Windows from renaming its directory.
const sparesKnown = runtime.GOOS != "windows"

// spare is a job directory that is made before there is a job for it: its lock
// is held, and its claim.json has its blocks on the disk. To make it a claim
// takes a write of its content and a change of its name, and no file system has
// to find room for it then. That is half of what the way without one takes.
type spare struct {
	path  string
	lock  *flock.Lock
	claim *os.File
}

// resetSpares removes what an earlier process had ready.
func (d *Dir) resetSpares() error {
	path := filepath.Join(d.root, sparesName)
	if err := os.RemoveAll(path); err != nil || !sparesKnown {
		return err
	}
	return os.Mkdir(path, 0o700)
}

// Prepare makes ready what makes the next claim quick. It is called before a
// poll, and cheap when nothing is missing. After an error claims are as safe,
// and not as quick.
func (d *Dir) Prepare() error {
	if !sparesKnown || d.spareCount() >= sparesMax {
		return nil
	}
	s, err := newSpare(filepath.Join(d.root, sparesName))
	if err != nil {
		return err
	}
	return d.putSpare(s)
}

func newSpare(in string) (s *spare, err error) {
	path, err := os.MkdirTemp(in, "")
	if err != nil {
		return nil, err
	}
	s = &spare{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.discard())
		}
	}()
	if s.lock, err = flock.TryLock(filepath.Join(path, "lock")); err != nil {
		return s, err
	}
	if s.claim, err = os.OpenFile(filepath.Join(path, claimName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return s, err
	}
	if _, err = s.claim.Write(bytes.Repeat([]byte{' '}, spareSize)); err != nil {
		return s, err
	}
	return s, errors.Join(s.claim.Sync(), syncDir(path))
}

func (s *spare) discard() error {
	var err error
	if s.lock != nil {
		err = s.lock.Unlock()
	}
	if s.claim != nil {
		err = errors.Join(err, s.claim.Close())
	}
	return errors.Join(err, os.RemoveAll(s.path))
}

func (d *Dir) spareCount() int {
	d.sparing.Lock()
	defer d.sparing.Unlock()
	return len(d.spares)
}

func (d *Dir) putSpare(s *spare) error {
	d.sparing.Lock()
	full := len(d.spares) >= sparesMax
	if !full {
		d.spares = append(d.spares, s)
	}
	d.sparing.Unlock()
	if full {
		return s.discard()
	}
	return nil
}

// takeSpare gives nil when there is none.
func (d *Dir) takeSpare() *spare {
	d.sparing.Lock()
	defer d.sparing.Unlock()
	if len(d.spares) == 0 {
		return nil
	}
	s := d.spares[len(d.spares)-1]
	d.spares = d.spares[:len(d.spares)-1]
	return s
}

func (d *Dir) dropSpares() error {
	var err error
	for s := d.takeSpare(); s != nil; s = d.takeSpare() {
		err = errors.Join(err, s.discard())
	}
	return err
}

// claimSpare makes a spare the directory of a claim. done is false when there
// was none that could be used: nothing has changed then.
//
// The name comes first: a crash before the content is there leaves a directory
// that says nothing, and not the claim of one task under no name.
func (d *Dir) claimSpare(c *Claim, data []byte) (done bool, err error) {
	s := d.takeSpare()
	if s == nil {
		return false, nil
	}
	dir := d.Dirs(c.key).Job
	if err := os.Rename(s.path, dir); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return true, errors.Join(ErrSeen, d.putSpare(s))
		}
		return false, errors.Join(err, s.discard()) // gone, or on another file system
	}
	_, err = s.claim.WriteAt(data, 0)
	if err == nil {
		named := make(chan error, 1)
		go func() { named <- syncDir(filepath.Dir(dir)) }()
		err = errors.Join(syncData(s.claim), <-named)
	}
	if err = errors.Join(err, s.claim.Close()); err != nil {
		return true, errors.Join(err, s.lock.Unlock(), os.RemoveAll(dir))
	}
	c.lock = s.lock
	return true, nil
}
