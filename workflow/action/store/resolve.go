package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"multirunner/helpers/atomicfile"
	"multirunner/workflow/action/gitwire"
)

// pinned tells whether a ref is a commit in full.
func pinned(ref string) bool {
	return len(ref) == 40 && strings.Trim(strings.ToLower(ref), "0123456789abcdef") == ""
}

// resolve finds the commits of all refs of a repository, with one request at
// most. What fails is noted with its ref.
func (s *Store) resolve(ctx context.Context, r *repository) {
	var open []string
	for _, ref := range r.refs {
		if pinned(ref) {
			r.commits[ref] = strings.ToLower(ref)
			continue
		}
		open = append(open, ref)
	}
	switch {
	case len(open) == 0:
	case s.options.Offline:
		s.recall(r, open)
	default:
		s.ask(ctx, r, open)
	}
}

// candidates are the full names that a ref may stand for, the first one that
// there is counts (gitrevisions(7); a tag goes before a branch).
func candidates(ref string) []string {
	if ref == "HEAD" || strings.HasPrefix(ref, "refs/") {
		return []string{ref}
	}
	return []string{"refs/tags/" + ref, "refs/heads/" + ref, "refs/" + ref}
}

// ask asks the server.
func (s *Store) ask(ctx context.Context, r *repository, refs []string) {
	var names []string
	for _, ref := range refs {
		names = append(names, candidates(ref)...)
	}
	var found []gitwire.Ref
	scope, err := r.each(func(scope string) error {
		remote, err := s.remote(r, scope)
		if err != nil {
			return err
		}
		return s.retry(ctx, r.url, func() error {
			var err error
			found, err = remote.Refs(ctx, names)
			return err
		})
	})
	commits := map[string]string{}
	for _, ref := range found {
		commits[ref.Name] = ref.Commit()
	}
	for _, ref := range refs {
		if err != nil {
			r.failures[ref] = err
			continue
		}
		r.failures[ref] = ErrNoRef
		for _, name := range candidates(ref) {
			if commit := commits[name]; commit != "" {
				delete(r.failures, ref)
				r.commits[ref] = commit
				s.note(r, scope, ref, commit)
				break
			}
		}
	}
}

// memo is what a ref led to.
type memo struct {
	V      int    `json:"v"`
	URL    string `json:"url"`
	Ref    string `json:"ref"`
	Commit string `json:"commit"`
}

// memoAge is how old a memo may get before it is written again: its time tells
// that it is still used.
const memoAge = 24 * time.Hour

func (s *Store) memoFile(r *repository, scope, ref string) string {
	sum := sha256.Sum256([]byte(scope + "\x00" + r.identity() + "\x00" + ref))
	return s.path("refs", hex.EncodeToString(sum[:12]))
}

// note keeps what a ref leads to, for the offline mode. That it could not be
// kept harms no job that is online.
func (s *Store) note(r *repository, scope, ref, commit string) {
	file := s.memoFile(r, scope, ref)
	if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) < memoAge {
		if known, ok := readMemo(file); ok && known.Commit == commit {
			return
		}
	}
	data, err := json.Marshal(memo{1, r.identity(), ref, commit})
	if err == nil {
		err = atomicfile.WriteNoSync(file, data, 0o600)
	}
	if err != nil {
		s.log.WithError(err).Warn("What a ref leads to cannot be kept for the offline mode")
	}
}

func readMemo(file string) (memo, bool) {
	var m memo
	data, err := os.ReadFile(file)
	return m, err == nil && json.Unmarshal(data, &m) == nil && m.V == 1 && pinned(m.Commit)
}

// recall gives what refs led to last.
func (s *Store) recall(r *repository, refs []string) {
	for _, ref := range refs {
		r.failures[ref] = fmt.Errorf("what %s leads to %w", ref, ErrOffline)
		for _, scope := range r.scopes() {
			if m, ok := readMemo(s.memoFile(r, scope, ref)); ok {
				delete(r.failures, ref)
				r.commits[ref] = m.Commit
				break
			}
		}
	}
}
