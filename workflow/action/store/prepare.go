package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"multirunner/workflow/action"
)

// Action is a repository that is there.
type Action struct {
	Reference action.Reference
	// Root is the absolute path of the repository's files. They are read-only;
	// nobody may write there.
	Root string
	// Commit is what the ref led to, in full.
	Commit string
}

// Dir is the absolute path of the action's own directory. It may not exist:
// see action.Load.
func (a Action) Dir() string { return filepath.Join(a.Root, filepath.FromSlash(a.Reference.Path)) }

// Prepared are repositories that stay as they are until Release.
type Prepared struct {
	// Actions are in the order of the requests, one for each.
	Actions []Action

	release sync.Once
	entries []*entry
	store   *Store
}

// Release lets the repositories be removed again. Calls after the first do
// nothing.
func (p *Prepared) Release() {
	p.release.Do(func() {
		for _, e := range p.entries {
			if err := e.release(); err != nil {
				p.store.log.WithError(err).Warn("A lock of the action store cannot be released")
			}
		}
	})
}

// Get gives the repository of a reference.
func (p *Prepared) Get(ref action.Reference) (Action, bool) {
	for _, a := range p.Actions {
		if a.Reference == ref {
			return a, true
		}
	}
	return Action{}, false
}

// Prepare makes the repositories of all requests ready, several at once, and
// holds them until Release. A repository is asked for its refs once, and a
// commit is fetched once, however many requests want it. Requests of one call
// are of one job.
//
// With an error nothing is held. It joins an *Error for each reference that
// failed. When ctx is done it is the cause. It is safe for concurrent use.
func (s *Store) Prepare(ctx context.Context, requests []Request) (*Prepared, error) {
	repositories, err := group(requests)
	if err != nil {
		return nil, err
	}
	p := &Prepared{store: s}
	if len(requests) == 0 {
		return p, nil
	}
	if err := s.make(); err != nil {
		return nil, err
	}
	s.sweep()
	var wait sync.WaitGroup
	for _, r := range repositories {
		wait.Go(func() { s.prepare(ctx, r) })
	}
	wait.Wait()
	for _, r := range repositories {
		for _, e := range r.entries {
			p.entries = append(p.entries, e)
		}
	}
	if err := failures(ctx, requests, repositories); err != nil {
		p.Release()
		return nil, err
	}
	for _, q := range requests {
		r := repositories[q.URL]
		e := r.entries[r.commits[q.Reference.Ref]]
		p.Actions = append(p.Actions, Action{Reference: q.Reference, Root: e.tree, Commit: e.meta.Commit})
	}
	if s.fetched.Swap(false) {
		s.evict()
	}
	return p, nil
}

// failures joins what went wrong, in the order of the requests.
func failures(ctx context.Context, requests []Request, repositories map[string]*repository) error {
	var errs []error
	told := map[[2]string]bool{}
	for _, q := range requests {
		ref := q.Reference.Ref
		err := repositories[q.URL].failures[ref]
		if at := [2]string{q.URL, ref}; err != nil && !told[at] {
			told[at] = true
			errs = append(errs, repositories[q.URL].fail(ref, err))
		}
	}
	if len(errs) > 0 && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}

// prepare resolves the refs of a repository and holds their commits.
func (s *Store) prepare(ctx context.Context, r *repository) {
	s.resolve(ctx, r)
	wanted := map[string]string{} // commit → the first ref that leads to it
	for _, ref := range r.refs {
		if commit := r.commits[ref]; commit != "" && wanted[commit] == "" {
			wanted[commit] = ref
		}
	}
	var wait sync.WaitGroup
	for commit, ref := range wanted {
		wait.Go(func() {
			e, err := s.obtain(ctx, r, ref, commit)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err == nil {
				r.entries[commit] = e
				return
			}
			for other, led := range r.commits {
				if led == commit {
					r.failures[other] = err
				}
			}
		})
	}
	wait.Wait()
}
