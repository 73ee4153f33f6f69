package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
)

// block is how much disk the smallest file takes.
const block = 4096

// fingerprint sums up names, modes, sizes and times of a tree, and how much
// disk it takes. It costs a look at each file, none is read: enough to notice
// what a job changed in a tree that it had the right to write to, and files
// that a crash of the machine has left empty.
func fingerprint(tree string) (print string, bytes int64, err error) {
	sum := sha256.New()
	err = filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		size := info.Size()
		if !info.Mode().IsRegular() {
			size = 0 // of a directory it is the file system's affair
		}
		bytes += (size + block) &^ (block - 1)
		fmt.Fprintf(sum, "%s\x00%o %d %d\n", filepath.ToSlash(name), info.Mode(), size, info.ModTime().UnixNano())
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), bytes, err
}
