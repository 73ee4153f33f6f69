package launch

import (
	"context"
	"errors"

	"multirunner/common"
	"multirunner/network/jobsock"
)

// ErrNoProcess says that a job has no process that could be asked: it waits,
// or has ended.
var ErrNoProcess = errors.New("the job has no process now")

func (l *Launcher) addLive(b *build) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live[b.claim.Key()] = b
}

func (l *Launcher) forgetLive(b *build) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, b.claim.Key())
	delete(l.kept, b.claim.Key())
}

func (l *Launcher) liveBuild(key string) *build {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live[key]
}

// Stop tells a job to end, by the key of its claim; one that waits for a slot
// is told when it starts. False means that no such job runs.
func (l *Launcher) Stop(key string, reason common.StopReason) bool {
	b := l.liveBuild(key)
	if b == nil {
		return false
	}
	b.Stop(reason)
	return true
}

// JobStatus asks a job's process what it is doing. The error is ErrNoProcess
// when there is none.
func (l *Launcher) JobStatus(ctx context.Context, key string) (jobsock.Status, error) {
	b := l.liveBuild(key)
	if b == nil {
		return jobsock.Status{}, ErrNoProcess
	}
	b.mu.Lock()
	socket := b.socket
	b.mu.Unlock()
	if socket == nil {
		return jobsock.Status{}, ErrNoProcess
	}
	return socket.Status(ctx)
}
