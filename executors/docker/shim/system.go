package shim

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// system gives the name that a system has for people, from the first of the
// os-release(5) files that is there. The image may have put anything in its
// place.
func system(files ...string) string {
	for _, name := range files {
		file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		defer file.Close()
		if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
			return ""
		}
		text, _ := io.ReadAll(io.LimitReader(file, 64<<10))
		return prettyName(string(text))
	}
	return ""
}

// prettyName reads PRETTY_NAME of an os-release file.
func prettyName(text string) string {
	for entry := range strings.Lines(text) {
		value, ok := strings.CutPrefix(strings.TrimSpace(entry), "PRETTY_NAME=")
		if !ok {
			continue
		}
		if plain, err := strconv.Unquote(value); err == nil {
			return line(plain, 256)
		}
		return line(strings.Trim(value, `'"`), 256)
	}
	return ""
}
