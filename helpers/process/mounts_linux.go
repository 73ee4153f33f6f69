package process

import (
	"os"
	"path/filepath"
	"strings"
)

// mount is a line of /proc/self/mountinfo.
type mount struct {
	root  string // what of the file system is mounted
	point string // where
	kind  string // the type of the file system
}

func readMounts() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(string(data)), nil
}

// parseMounts reads proc_pid_mountinfo(5): after six fields come optional ones
// up to a "-". Lines of another form are left out.
func parseMounts(text string) []mount {
	var list []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 6 || len(rest) < 1 {
			continue
		}
		list = append(list, mount{root: unescape(fields[3]), point: unescape(fields[4]), kind: rest[0]})
	}
	return list
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

// MountPoints gives what is mounted at or below dir, in the order in which it
// was mounted. dir is absolute; symbolic links in it are resolved.
func MountPoints(dir string) ([]string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	var points []string
	for _, m := range mounts {
		if rel, err := filepath.Rel(dir, m.point); err == nil && filepath.IsLocal(rel) {
			points = append(points, m.point)
		}
	}
	return points, nil
}
