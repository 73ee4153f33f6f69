package coordinator

// Scope is whom a runner serves: everybody (the zero value), an owner, or one
// repository. A job's scope is always a repository.
type Scope struct {
	Owner string
	Repo  string // without the owner
}

// String gives "global", "owner" or "owner/repo".
func (s Scope) String() string {
	switch {
	case s.Owner == "":
		return "global"
	case s.Repo == "":
		return s.Owner
	}
	return s.Owner + "/" + s.Repo
}

// covers tells whether a runner of this scope serves a repository.
func (s Scope) covers(repo Scope) bool {
	if s.Owner == "" {
		return true
	}
	return s.Owner == repo.Owner && (s.Repo == "" || s.Repo == repo.Repo)
}

// versionOf reads the tasks version of a scope. A scope without one gets 1: a
// server never answers 0, which asks for everything.
func (s *Server) versionOf(scope Scope) int64 {
	if s.versions[scope] == 0 {
		s.versions[scope] = 1
	}
	return s.versions[scope]
}

// bump tells all runners that may serve a repository that there is something
// new: its own version, its owner's and the global one grow together.
func (s *Server) bump(repo Scope) {
	s.versions[Scope{}]++
	if repo.Owner != "" {
		s.versions[Scope{Owner: repo.Owner}]++
	}
	if repo.Repo != "" {
		s.versions[repo]++
	}
	close(s.wake)
	s.wake = make(chan struct{})
}

// bumpScope is for a change of a runner itself: only its own version grows.
func (s *Server) bumpScope(scope Scope) {
	s.versions[scope]++
	close(s.wake)
	s.wake = make(chan struct{})
}

// Version is the present tasks version of a scope.
func (s *Server) Version(scope Scope) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versionOf(scope)
}
