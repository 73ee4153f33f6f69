package docker

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	// binaryDir is where copies of this program are, for containers to mount:
	// the file that a process was started from may be replaced meanwhile.
	binaryDir = "shim"
	// binaryUnused is after which time a copy of another version goes. A
	// container that has it mounted keeps it.
	binaryUnused = 24 * time.Hour
)

// binary gives a file of this program that containers can run, below the state
// directory, made when it is not there.
func (e *Executor) binary(ctx context.Context) (string, error) {
	if own := e.provider.options.Binary; own != "" {
		return own, nil
	}
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("jobs in containers need a runner on Linux, this is %s", runtime.GOOS)
	}
	path, err := copyBinary(ctx, "/proc/self/exe", filepath.Join(stateRoot(e.spec), binaryDir))
	if err != nil {
		return "", fmt.Errorf("the program that containers of jobs start with: %w", err)
	}
	return path, nil
}

// copyBinary keeps a copy of a program in a directory, one for each version.
func copyBinary(ctx context.Context, program, dir string) (string, error) {
	source, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer source.Close()
	if err := checkStatic(source); err != nil {
		return "", err
	}
	info, err := source.Stat()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("runner-%x-%x", info.Size(), info.ModTime().UnixNano())
	path := filepath.Join(dir, name)
	now := time.Now()
	if there, err := os.Lstat(path); err == nil && there.Mode().IsRegular() && there.Size() == info.Size() {
		_ = os.Chtimes(path, time.Time{}, now) // it only keeps the copy from going
		return path, nil
	}
	// The directories above may be nobody's but the runner's: an engine gets
	// through, and the file is mounted by itself.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := copyProgram(source, dir, path); err != nil {
		return "", err
	}
	removeOldBinaries(dir, name, now)
	return path, nil
}

func copyProgram(source io.Reader, dir, path string) error {
	temp, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return err
	}
	_, err = io.Copy(temp, source)
	if err == nil {
		err = temp.Chmod(0o755)
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// removeOldBinaries removes copies of other versions that no job has used for a
// day, and what a crash left.
func removeOldBinaries(dir, current string, now time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		ours := strings.HasPrefix(entry.Name(), "runner-") || strings.HasPrefix(entry.Name(), ".new-")
		info, err := entry.Info()
		if err == nil && ours && entry.Name() != current && info.Mode()&fs.ModeType == 0 && now.Sub(info.ModTime()) > binaryUnused {
			_ = os.Remove(filepath.Join(dir, entry.Name())) // the next job tries again
		}
	}
}

// checkStatic refuses a program that needs libraries: images have others, or
// none.
func checkStatic(file io.ReaderAt) error {
	program, err := elf.NewFile(file)
	if err != nil {
		return err
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return errors.New("this build of the runner needs libraries that images do not have: build it with CGO_ENABLED=0")
		}
	}
	return nil
}
