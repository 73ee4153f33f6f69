package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"multirunner/common"
	"multirunner/helpers/atomicfile"
)

// endedMax is how many ended tasks are remembered.
const endedMax = 10_000

// endedVersion is the version of the file of ended tasks. Its first line tells
// it, as v1; the file of a program from before that has none.
const endedVersion = 1

// endedList is the file of ended tasks: a line each, appended. It is
// rewritten when it has grown to twice what is remembered.
type endedList struct {
	mu    sync.Mutex
	path  string
	file  *os.File // nil after an error: written anew before the next line
	order []string
	known map[string]bool
}

func openEnded(path string) (*endedList, error) {
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("ended tasks: %w", err)
	}
	l := &endedList{path: path, known: map[string]bool{}}
	for line := range bytes.Lines(data) {
		// A torn last line names no task that ended; dropping it is safe.
		text, ok := strings.CutSuffix(string(line), "\n")
		if number, isVersion := strings.CutPrefix(text, "v"); ok && isVersion {
			// What has ended must not start again, so nothing goes on without.
			version, _ := strconv.Atoi(number)
			if err := common.CheckVersion(path, version, endedVersion); err != nil {
				return nil, fmt.Errorf("ended tasks: %w", err)
			}
			continue
		}
		if ok && text != "" && !l.known[text] {
			l.order, l.known[text] = append(l.order, text), true
		}
	}
	return l, l.rewrite()
}

func (l *endedList) contains(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[key]
}

func (l *endedList) add(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[key] {
		return nil
	}
	if l.file == nil {
		if err := l.rewrite(); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteString(key + "\n"); err != nil {
		// Half of the line may be there: the next one must not follow it.
		return fmt.Errorf("ended tasks: %w", errors.Join(err, l.close()))
	}
	l.order, l.known[key] = append(l.order, key), true
	if len(l.order) >= 2*endedMax {
		// The key is safe whether or not this works; the next add tries again.
		_ = l.rewrite()
	}
	return nil
}

// rewrite keeps the last endedMax entries and opens the file for appending.
func (l *endedList) rewrite() error {
	if drop := len(l.order) - endedMax; drop > 0 {
		for _, key := range l.order[:drop] {
			delete(l.known, key)
		}
		l.order = append([]string(nil), l.order[drop:]...)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "v%d\n", endedVersion)
	for _, key := range l.order {
		text.WriteString(key + "\n")
	}
	if err := l.close(); err != nil {
		return err
	}
	if err := atomicfile.Write(l.path, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("ended tasks: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("ended tasks: %w", err)
	}
	l.file = f
	return nil
}

func (l *endedList) close() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}
