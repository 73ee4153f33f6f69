package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"multirunner/helpers/atomicfile"
	"multirunner/helpers/flock"
)

// key is what an entry is found by.
type key struct {
	scope  string // "" for what everybody may read
	url    string // repository.identity
	commit string // as it is asked for: an annotated tag's own name, or a commit
}

// name gives a name for people and a hash that cannot be guessed without the
// commit.
func (k key) name() string {
	sum := sha256.Sum256([]byte(k.scope + "\x00" + k.url + "\x00" + k.commit))
	word := strings.Map(func(c rune) rune {
		if c < 'a' || c > 'z' {
			if c < '0' || c > '9' {
				return '-'
			}
		}
		return c
	}, strings.ToLower(path.Base(k.url)))
	return fmt.Sprintf("%.40s-%.12s-%s", strings.TrimLeft(word, "-"), k.commit, hex.EncodeToString(sum[:10]))
}

// meta is entry.json.
type meta struct {
	V       int       `json:"v"`
	Scope   string    `json:"scope"`
	URL     string    `json:"url"`
	Key     string    `json:"key"`    // the commit as it is asked for
	Commit  string    `json:"commit"` // that a tag led to
	Bytes   int64     `json:"bytes"`  // on disk
	Files   int       `json:"files"`
	Print   string    `json:"print"` // of the tree, see fingerprint
	Fetched time.Time `json:"fetched"`
}

const metaVersion = 1

// entry is an entry of the store that is held.
type entry struct {
	tree string // absolute
	meta meta
	file string // entry.json
	lock *flock.Lock
}

// touch notes that the entry is used now.
func (e *entry) touch() {
	now := time.Now()
	_ = os.Chtimes(e.file, now, now) // it would be removed earlier than others, no more
}

// release gives the entry back.
func (e *entry) release() error {
	e.touch()
	return e.lock.Unlock()
}

// state is what there is at the place of an entry.
type state int

const (
	missing state = iota
	damaged       // changed by a job, or cut by a crash of the machine
	whole
)

func (s *Store) lockFile(k key) string { return s.path("locks", k.name()) }
func (s *Store) entryDir(k key) string { return s.path("entries", k.name()) }
func metaFile(dir string) string       { return filepath.Join(dir, "entry.json") }
func treeDir(dir string) string        { return filepath.Join(dir, "tree") }
func (s *Store) absolute(p string) string {
	if abs, err := filepath.Abs(p); err == nil {
		return abs
	}
	return p
}

// inspect looks at an entry whose lock is held.
func (s *Store) inspect(k key) (state, *entry, error) {
	dir := s.entryDir(k)
	e := &entry{tree: s.absolute(treeDir(dir)), file: metaFile(dir)}
	var err error
	if e.meta, err = readMeta(e.file); errors.Is(err, fs.ErrNotExist) {
		return missing, nil, nil
	} else if err != nil {
		return damaged, nil, nil
	}
	if e.meta.Scope != k.scope || e.meta.URL != k.url || e.meta.Key != k.commit {
		return damaged, nil, nil
	}
	print, _, err := fingerprint(e.tree)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged, nil, nil
	}
	if err != nil {
		return missing, nil, fmt.Errorf("the action store: %w", err)
	}
	if print != e.meta.Print {
		return damaged, e, nil
	}
	return whole, e, nil
}

var errVersion = errors.New("written by another version of the runner")

func readMeta(file string) (meta, error) {
	var m meta
	data, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	if m.V != metaVersion {
		return m, errVersion
	}
	return m, nil
}

func writeMeta(dir string, m meta) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return atomicfile.WriteNoSync(metaFile(dir), data, 0o600)
}
