// Package mounts tells what is mounted where, as this process sees it.
package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is one mounted file system.
type Mount struct {
	Root  string // what of the file system is mounted
	Point string // where
	Type  string // of the file system: "ext4", "cgroup2", …
}

// List gives everything that is mounted, in the order in which it was mounted.
func List() ([]Mount, error) {
	text, err := read()
	if err != nil {
		return nil, err
	}
	return parse(text), nil
}

func read() (string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("list what is mounted: %w", err)
	}
	return string(data), nil
}

// Below gives the mount points at or below dir, in the order in which they were
// mounted. dir is absolute; symbolic links in it are resolved.
func Below(dir string) ([]string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	text, err := read()
	if err != nil || !strings.Contains(text, escape(dir)) {
		return nil, err // nearly always nothing is, and there may be many mounts
	}
	var points []string
	for _, m := range parse(text) {
		if rel, err := filepath.Rel(dir, m.Point); err == nil && filepath.IsLocal(rel) {
			points = append(points, m.Point)
		}
	}
	return points, nil
}

// Detach unmounts what is mounted at a point, now from the tree of files and
// for good when nobody uses it any more. It takes privileges.
func Detach(point string) error {
	if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmount %s: %w", point, err)
	}
	return nil
}

// parse reads proc_pid_mountinfo(5): after six fields come optional ones up to
// a "-". Lines of another form are left out.
func parse(text string) []Mount {
	var list []Mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 6 || len(rest) < 1 {
			continue
		}
		list = append(list, Mount{Root: unescape(fields[3]), Point: unescape(fields[4]), Type: rest[0]})
	}
	return list
}

// escape is the other way of unescape.
func escape(path string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(path)
}

// unescape decodes the octal escapes of blanks and backslashes.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && octal(text[i+1]) && octal(text[i+2]) && octal(text[i+3]) {
			b.WriteByte((text[i+1]-'0')<<6 | (text[i+2]-'0')<<3 | (text[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }
