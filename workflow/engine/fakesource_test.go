package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// fakeSource has repositories in a directory, one for each name@ref.
type fakeSource struct {
	root    string
	prepare func(context.Context) error // nil for success

	mu       sync.Mutex
	known    map[string]string // URL@ref → directory
	asked    []string          // "URL@ref URL@ref" of each call
	held     int
	released int
}

func (f *fakeSource) Prepare(ctx context.Context, requests []ActionRequest, progress func(string)) ([]PreparedAction, func(), error) {
	if f.prepare != nil {
		if err := f.prepare(ctx); err != nil {
			return nil, nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var prepared []PreparedAction
	var names []string
	for _, r := range requests {
		name := r.URL + "@" + r.Reference.Ref
		names = append(names, name)
		dir, ok := f.known[name]
		if !ok {
			return nil, nil, fmt.Errorf("%s is not there", name)
		}
		prepared = append(prepared, PreparedAction{Dir: dir, Commit: "c0ffee-of-" + r.Reference.Ref})
	}
	f.asked = append(f.asked, strings.Join(names, " "))
	f.held++
	progress("fetching " + strings.Join(names, " "))
	return prepared, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.released++
	}, nil
}

// lay makes the files of actions from a text with a line "-- NAME --" before
// each. NAME is owner/repo@ref/FILE for a repository on the default server, and
// ./FILE for the workspace. Files for node hold what fake processes run.
func (b *bench) lay(text string) *bench {
	b.t.Helper()
	if b.source == nil {
		b.source = &fakeSource{root: b.t.TempDir(), known: make(map[string]string)}
	}
	name, content := "", ""
	for line := range strings.SplitSeq(text+"\n--  --", "\n") {
		header, ok := strings.CutPrefix(strings.TrimLeft(line, "\t"), "-- ")
		if !ok {
			content += line + "\n"
			continue
		}
		if name != "" {
			b.layFile(name, dedent(content))
		}
		name, content = strings.TrimSuffix(header, " --"), ""
	}
	return b
}

func (b *bench) layFile(name, content string) {
	b.t.Helper()
	file := filepath.Join(b.spec.Dirs.Build, "work", name)
	if !strings.HasPrefix(name, "./") {
		repo, rest, _ := strings.Cut(name, "@")
		ref, below, _ := strings.Cut(rest, "/")
		dir := filepath.Join(b.source.root, repo+"@"+ref)
		b.source.known["https://actions.example.org/"+repo+"@"+ref] = dir
		file = filepath.Join(dir, below)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
}
