package configfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"time"

	"multirunner/common"
	"multirunner/helpers/atomicfile"
	"multirunner/helpers/flock"
	"multirunner/helpers/tomltext"
)

// lockPatience is how long an edit waits for another one to end.
const lockPatience = 10 * time.Second

// newFile is the beginning of a file that Append makes.
const newFile = `# Configuration of runner. config.toml.example has every key.
concurrent = 1 # jobs at once, all registrations together
`

// Append adds a [[runners]] block at the end of the file; all bytes before
// stay as they are. A file that does not exist is made, 0600, with its
// directory; an existing one keeps mode and owner. The result is decoded
// before it replaces the file: a block that would not work (a name that is
// taken, for one) is refused and the file stays as it was.
func Append(path, block string) error {
	if err := makeDir(path); err != nil {
		return err
	}
	return edit(path, func(data []byte, exists bool) ([]byte, error) {
		return withBlock(path, data, exists, block)
	})
}

// Check tells whether Append would take the block now. Nothing is changed,
// save that the file's directory is made.
func Check(path, block string) error {
	if err := makeDir(path); err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("configuration: %w", err)
	}
	exists := err == nil
	if _, err := withBlock(path, data, exists, block); err != nil {
		return err
	}
	return checkWritable(path, exists)
}

// checkWritable tries to write without doing so.
func checkWritable(path string, exists bool) error {
	var file *os.File
	var err error
	if exists {
		file, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else if file, err = os.CreateTemp(filepath.Dir(path), ".config.toml.tmp-*"); err == nil {
		defer os.Remove(file.Name())
	}
	if err != nil {
		return fmt.Errorf("configuration: %w: name a file that this user may write with -c", err)
	}
	return file.Close()
}

func makeDir(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("configuration: %w: name a file that this user may write with -c", err)
	}
	return nil
}

// withBlock gives the text with the block added, if that works out.
func withBlock(path string, data []byte, exists bool, block string) ([]byte, error) {
	if !exists {
		data = []byte(newFile)
	}
	before, _, err := common.DecodeConfig(path, data)
	if err != nil {
		return nil, err
	}
	data = tomltext.Scan(data).AppendBlock(block)
	after, problems, err := common.DecodeConfig(path, data)
	if err != nil {
		return nil, fmt.Errorf("with the new registration the file would not be readable: %w", err)
	}
	last := len(before.Runners)
	if len(after.Runners) != last+1 {
		return nil, fmt.Errorf("%s: a [[runners]] block cannot be added to this file: write its registrations as [[runners]] blocks", path)
	}
	if err := taken(path, tomltext.Scan(data), before.Runners, after.Runners[last]); err != nil {
		return nil, err
	}
	for _, p := range problems {
		if p.Runner == last && !p.Warning {
			return nil, fmt.Errorf("the new registration would not work: %s: %s", p.Key, p.Message)
		}
	}
	after.Runners = after.Runners[:last]
	return data, verify(path, before, after)
}

// taken tells whether a registration is in the file already, or its name.
func taken(path string, doc *tomltext.Doc, have []*common.RunnerConfig, added *common.RunnerConfig) error {
	for i, r := range have {
		switch {
		case r.ID() == added.ID():
			return fmt.Errorf("%s:%d: this registration (url and uuid) is in the file already, as %q", path, doc.Line(fmt.Sprintf("runners[%d].uuid", i)), r.Name)
		case r.Name == added.Name:
			return fmt.Errorf("%s:%d: a registration named %q is in the file already: choose another name", path, doc.Line(fmt.Sprintf("runners[%d].name", i)), r.Name)
		}
	}
	return nil
}

// Remove takes the [[runners]] blocks out that match tells, and gives their
// registrations (without the tokens of files and variables). All other bytes
// stay as they are, save the blank lines above a block. When none matches
// nothing is written.
func Remove(path string, match func(*common.RunnerConfig) bool) ([]*common.RunnerConfig, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var removed []*common.RunnerConfig
	err := edit(path, func(data []byte, _ bool) ([]byte, error) {
		before, _, err := common.DecodeConfig(path, data)
		if err != nil {
			return nil, err
		}
		var kept []*common.RunnerConfig
		removed = nil
		for _, r := range before.Runners {
			if match(r) {
				removed = append(removed, r)
			} else {
				kept = append(kept, r)
			}
		}
		if len(removed) == 0 {
			return nil, nil
		}
		// From the last one on, so that the positions of the others hold.
		for i := len(before.Runners) - 1; i >= 0; i-- {
			if !match(before.Runners[i]) {
				continue
			}
			doc := tomltext.Scan(data)
			blocks := doc.Blocks("runners")
			if i >= len(blocks) {
				return nil, fmt.Errorf("%s: its registrations are not [[runners]] blocks: remove %q by hand", path, before.Runners[i].Name)
			}
			data = doc.RemoveBlock(blocks[i])
		}
		after, _, err := common.DecodeConfig(path, data)
		if err != nil {
			return nil, fmt.Errorf("without the registration the file would not be readable, remove it by hand: %w", err)
		}
		before.Runners = kept
		return data, verify(path, before, after)
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

// verify tells whether an edit left everything else as it was.
func verify(path string, want, got *common.Config) error {
	same := len(want.Runners) == len(got.Runners)
	for i := 0; same && i < len(want.Runners); i++ {
		same = reflect.DeepEqual(want.Runners[i], got.Runners[i])
	}
	wantRest, gotRest := *want, *got
	wantRest.Runners, gotRest.Runners = nil, nil
	if !same || !reflect.DeepEqual(wantRest, gotRest) {
		return fmt.Errorf("%s: the change would touch more than one registration: edit the file by hand", path)
	}
	return nil
}

// edit changes a file under its lock. A nil result leaves it alone.
func edit(path string, change func(data []byte, exists bool) ([]byte, error)) error {
	unlock, err := lock(path)
	if err != nil {
		return err
	}
	defer unlock()
	data, err := os.ReadFile(path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("configuration: %w", err)
	}
	data, err = change(data, exists)
	if err != nil || data == nil {
		return err
	}
	if err := atomicfile.Write(path, data, 0o600); err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	return nil
}

// lock takes the lock beside the file, which is gone again afterwards. Where
// no file can be made (a single file mounted into a read-only place) nobody
// else can lock either, and it is done without.
func lock(path string) (unlock func(), err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // two names of one file have one lock
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), lockPatience,
		errors.New("another runner command is changing the file: try again when it has ended"))
	defer cancel()
	held, err := flock.LockContext(ctx, path+".lock")
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return func() {}, nil // the write itself tells when it is not allowed either
	case err != nil:
		return nil, err
	}
	return func() {
		os.Remove(path + ".lock") // whoever waits for it looks whether it is still there
		held.Unlock()
	}, nil
}
