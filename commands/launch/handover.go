package launch

import (
	"multirunner/helpers/process"
	"multirunner/helpers/reexec"
	"multirunner/network/jobsock"
)

// Handover is what a launcher has in memory only that its successor needs.
type Handover struct {
	// Children are the job processes that still run: a program that replaces
	// this one in the same process is to wait for them.
	Children []reexec.Child
	// Runtimes are for the uploads of jobs that servers do not have all of yet,
	// by key. They hold secrets.
	Runtimes map[string]jobsock.Runtime
}

// HandOver is Close for the program that replaces this one.
func (l *Launcher) HandOver() Handover {
	l.handing.Store(true)
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	h := Handover{Runtimes: map[string]jobsock.Runtime{}}
	for _, b := range l.unfinished {
		if !b.token.Token.IsZero() {
			h.Runtimes[b.claim.Key()] = b.token
		}
		// A job that has ended must not look alive. The lock would end with this
		// program, but that may fail to be replaced.
		if lock := b.claim.Lock(); lock != nil {
			if err := lock.Close(); err != nil {
				b.log.WithError(err).Warn("Lock of the job not given up")
			}
		}
	}
	for session := range l.sessions {
		select {
		case <-session.Done():
		default:
			h.Children = append(h.Children, reexec.Child{PID: session.PID(), Start: session.StartTime()})
		}
	}
	return h
}

// InMemory is how many reports would be lost with this process: the tasks
// could not be kept on disk.
func (l *Launcher) InMemory() int { return int(l.memory.Load()) }

func (l *Launcher) noteSession(s *process.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[s] = struct{}{}
}

func (l *Launcher) forgetSession(s *process.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, s)
}

// handOver leaves the rest of a job's report to the next supervisor.
func (b *build) handOver() {
	if !b.l.handing.Load() {
		b.log.Info("What the server does not have yet of the job stays on disk, the next start of the runner sends it")
		return
	}
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	b.l.unfinished = append(b.l.unfinished, b)
}
