package coordinator

import (
	"cmp"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

type tokenRow struct {
	scope  Scope
	active bool
}

type runnerRow struct {
	id           int64
	uuid         string
	token        string
	name         string
	version      string
	scope        Scope
	labels       []string
	anyLabel     bool
	capabilities []string
	ephemeral    bool
	disabled     bool
	lastOnline   time.Time
	lastActive   time.Time
	tasks        []int64 // claimed and not final
	claimed      int     // tasks ever
}

// RunnerSpec is a runner to be made without the Register call.
type RunnerSpec struct {
	Name   string
	Scope  Scope
	Labels []string
	// AnyLabel makes it take jobs whatever they ask for, as no real server
	// does: for runs on one's own machine.
	AnyLabel     bool
	Capabilities []string
	Ephemeral    bool
	// UUID and Token are made when they are empty.
	UUID, Token string
}

// RunnerInfo is what the server knows of a runner. Token is only set by
// AddRunner.
type RunnerInfo struct {
	ID           int64
	UUID         string
	Token        string
	Name         string
	Version      string
	Scope        Scope
	Labels       []string
	Capabilities []string
	Ephemeral    bool
	Disabled     bool
	LastOnline   time.Time // of any authenticated call
	LastActive   time.Time // of UpdateTask and UpdateLog
}

// AddRegistrationToken makes a registration token for a scope. Older ones of
// the scope become invalid.
func (s *Server) AddRegistrationToken(scope Scope) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.tokens {
		if row.scope == scope {
			row.active = false
		}
	}
	token := randomHex(40)
	s.tokens[token] = &tokenRow{scope: scope, active: true}
	return token
}

// AddRunner makes a runner and tells its token.
func (s *Server) AddRunner(spec RunnerSpec) RunnerInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.addRunner(spec)
	info := row.info()
	info.Token = row.token
	return info
}

func (s *Server) addRunner(spec RunnerSpec) *runnerRow {
	row := &runnerRow{
		id:           s.nextID("runner"),
		uuid:         cmp.Or(spec.UUID, uuid.NewString()),
		token:        cmp.Or(spec.Token, randomHex(40)),
		name:         shortName(spec.Name),
		scope:        spec.Scope,
		labels:       slices.Clone(spec.Labels),
		anyLabel:     spec.AnyLabel,
		capabilities: slices.Clone(spec.Capabilities),
		ephemeral:    spec.Ephemeral,
	}
	s.runners[row.id] = row
	s.byUUID[row.uuid] = row
	return row
}

// shortName keeps 255 characters, as the server's column does.
func shortName(name string) string {
	if utf8.RuneCountInString(name) <= 255 {
		return name
	}
	return string([]rune(name)[:254]) + "…"
}

// Runners gives all runners, oldest first.
func (s *Server) Runners() []RunnerInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := make([]RunnerInfo, 0, len(s.runners))
	for _, row := range s.runners {
		infos = append(infos, row.info())
	}
	slices.SortFunc(infos, func(a, b RunnerInfo) int { return cmp.Compare(a.ID, b.ID) })
	return infos
}

func (r *runnerRow) info() RunnerInfo {
	return RunnerInfo{
		ID:           r.id,
		UUID:         r.uuid,
		Name:         r.name,
		Version:      r.version,
		Scope:        r.scope,
		Labels:       slices.Clone(r.labels),
		Capabilities: slices.Clone(r.capabilities),
		Ephemeral:    r.ephemeral,
		Disabled:     r.disabled,
		LastOnline:   r.lastOnline,
		LastActive:   r.lastActive,
	}
}

var errNoRunner = errors.New("no such runner")

// DisableRunner disables or enables a runner. Both wake it up.
func (s *Server) DisableRunner(uuid string, disabled bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.byUUID[uuid]
	if row == nil {
		return errNoRunner
	}
	if row.disabled != disabled {
		row.disabled = disabled
		s.bumpScope(row.scope)
	}
	return nil
}

// DeleteRunner removes a runner: all its calls fail from now on. Its tasks are
// left to Sweep.
func (s *Server) DeleteRunner(uuid string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.byUUID[uuid]
	if row == nil {
		return errNoRunner
	}
	s.deleteRunner(row)
	return nil
}

func (s *Server) deleteRunner(row *runnerRow) {
	delete(s.runners, row.id)
	delete(s.byUUID, row.uuid)
}

// matches tells whether the runner has every label of a job. A job without
// labels matches all runners.
func (r *runnerRow) matches(labels []string) bool {
	if r.anyLabel {
		return true
	}
	for _, label := range labels {
		if !slices.Contains(r.labels, label) {
			return false
		}
	}
	return true
}

func (r *runnerRow) can(capability string) bool {
	return slices.Contains(r.capabilities, capability)
}
