package launch

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/commands/job"
	"multirunner/commands/state"
	"multirunner/common"
	"multirunner/helpers/rmtree"
	"multirunner/network/jobsock"
	"multirunner/network/sender"
	"multirunner/network/spool"
)

// overtime is how long a job process may take after its job should be over:
// five minutes of grace for the job's own end, and one more. A process that is
// still there then hangs, and would send heartbeats for ever.
const overtime = 6 * time.Minute

// killPatience is how long a job process that is told to kill its job may take.
// It is shorter than what a supervisor waits for after its third signal.
const killPatience = 5 * time.Second

// tokenPatience is how long a living job is asked for its runtime token. What
// is to be uploaded with it is dropped then: rows wait behind it.
const tokenPatience = 15 * time.Second

// endPause is the time between attempts to write the end of a job that its
// process did not write.
const endPause = 10 * time.Second

// errNoToken is why what a dead job process of an earlier supervisor wanted to
// upload is dropped.
var errNoToken = errors.New("the task's runtime token is gone with its processes")

// build is a claimed task from its claim to its last acknowledged record. It
// implements supervisor.Build.
type build struct {
	l      *Launcher
	runner *common.RunnerConfig
	claim  *state.Claim
	dirs   common.JobDirs
	log    logrus.FieldLogger
	source *spool.Reader
	handle *sender.Handle

	timeout time.Duration // of the job, set before follow

	done   chan struct{} // closed when the job process has ended
	result runnerv1.Result

	mu      sync.Mutex
	token   jobsock.Runtime // of a task that this process fetched
	socket  *jobsock.Client // of a living job process
	stopped common.StopReason
	stops   chan struct{} // has a value when stopped has changed
}

func (l *Launcher) newBuild(runner *common.RunnerConfig, onDisk *state.Claim) *build {
	dirs := l.o.State.Dirs(onDisk.Key())
	return &build{
		l: l, runner: runner, claim: onDisk, dirs: dirs, log: l.log(runner.Name, onDisk), source: spool.OpenReader(dirs.Job),
		done: make(chan struct{}), stops: make(chan struct{}, 1), token: l.o.Runtimes[onDisk.Key()],
	}
}

// report hands what the spool holds, now and later, to the sender, and
// removes the job when the server has it all.
func (b *build) report(runner *common.RunnerConfig, resumed bool) {
	speaker := b.l.speak(runner)
	sent, err := spool.LoadSent(b.dirs.Job)
	if err != nil {
		// It is a hint: without it everything is sent again.
		b.log.WithError(err).Warn("Where sending stopped is unknown, sending all again")
	}
	capabilities := b.l.capabilitiesOf(runner.ID())
	if resumed {
		// The server has not told yet. It refuses what it does not take.
		capabilities = []string{sender.CapabilitySummary}
	}
	b.handle = b.l.o.Sender.Add(sender.Job{
		Key:          b.claim.Key(),
		TaskID:       b.claim.TaskID,
		Client:       speaker,
		Source:       b.source,
		Budget:       b.l.budget(runner),
		Ephemeral:    runner.Ephemeral,
		Capabilities: capabilities,
		Runtime:      b.runtime,
		OnStop:       b.Stop,
		Failed:       b.l.failed(runner.Name),
		Initial:      sent,
		Resumed:      resumed,
		SaveSent:     func(s spool.Sent) error { return spool.StoreSent(b.dirs.Job, s) },
	})
	b.l.builds.Go(func() {
		defer speaker.end()
		b.deliver()
	})
}

// Done implements supervisor.Build.
func (b *build) Done() <-chan struct{} { return b.done }

// Result implements supervisor.Build.
func (b *build) Result() runnerv1.Result {
	<-b.done
	return b.result
}

// Stop implements supervisor.Build. The sender calls it too, when the server
// says so.
func (b *build) Stop(reason common.StopReason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if reason.Overrides(b.stopped) {
		b.stopped = reason
		select {
		case b.stops <- struct{}{}:
		default:
		}
	}
	if b.socket != nil {
		b.socket.Cancel(b.stopped)
	}
}

// runtime gives the sender what uploads need: kept in memory, or asked of the
// living job when another process fetched the task.
func (b *build) runtime(ctx context.Context) (token common.Secret, runID, jobID string, err error) {
	b.mu.Lock()
	r, socket := b.token, b.socket
	b.mu.Unlock()
	switch {
	case !r.Token.IsZero():
	case socket != nil:
		ctx, cancel := context.WithTimeout(ctx, tokenPatience)
		defer cancel()
		r, err = socket.Token(ctx)
	default:
		err = errNoToken
	}
	return r.Token, r.RunID, r.JobID, err
}

// learnToken asks a living job that an earlier supervisor started for its
// runtime token, while there is somebody to ask: what the job reports last may
// need it after its end.
func (b *build) learnToken(ctx context.Context, socket *jobsock.Client) {
	b.mu.Lock()
	known := !b.token.Token.IsZero()
	b.mu.Unlock()
	if known {
		return
	}
	token, err := socket.Token(ctx)
	if err != nil {
		return // whoever needs it asks again, and says so
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token = token
}

// follow wakes the sender when the job has something, until ended is closed,
// and sees to it that a process that hangs is killed. It returns early when
// the launcher leaves.
func (b *build) follow(ended <-chan struct{}, kill func() error) (gone bool) {
	socket := b.connect()
	defer b.disconnect(socket)
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asking.Go(func() { b.learnToken(ctx, socket) })
	deadline := time.Now().Add(b.timeout + overtime)
	limit := time.NewTimer(time.Until(deadline))
	defer limit.Stop()
	for {
		select {
		case <-ended:
			return true
		case <-b.l.leaving:
			return false
		case <-socket.Wakes():
			b.handle.Wake()
		case <-b.stops:
			if at := time.Now().Add(b.patience()); at.Before(deadline) {
				deadline = at
				limit.Reset(time.Until(at))
			}
		case <-limit.C:
			b.log.Error("The job process does not end, killing it")
			if err := kill(); err != nil {
				b.log.WithError(err).Error("The job process could not be killed, trying again in a minute")
				limit.Reset(time.Minute)
			}
		}
	}
}

// patience is how long the job may take to end once it was told to.
func (b *build) patience() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped == common.StopKill {
		return killPatience
	}
	return overtime
}

// connect begins the conversation with the job process.
func (b *build) connect() *jobsock.Client {
	socket := jobsock.DialFunc(func() (string, error) {
		info, err := job.LoadInfo(b.dirs.Job)
		return info.Socket, err
	}, b.log)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.socket = socket
	if b.stopped != "" {
		socket.Cancel(b.stopped)
	}
	return socket
}

func (b *build) disconnect(socket *jobsock.Client) {
	b.mu.Lock()
	b.socket = nil
	b.mu.Unlock()
	socket.Close()
}

// deliver waits until the sender is done with the spool, then removes the job.
// When the launcher leaves first, the next process goes on with it.
func (b *build) deliver() {
	defer b.source.Close() // again, where it was closed already
	select {
	case <-b.handle.Done():
	case <-b.l.leaving:
		select {
		case <-b.handle.Done():
		default:
			b.handOver()
			return
		}
	}
	b.l.dropped(b.handle.Dropped())
	// The server may have had enough of a job whose process still ends.
	select {
	case <-b.done:
	case <-b.l.leaving:
		b.handOver()
		return
	}
	if outcome, why := b.handle.Outcome(); outcome == sender.Dropped {
		b.log.WithField("why", why).Warn("The rest of the job's report is dropped")
	}
	if err := errors.Join(b.source.Close(), b.finish()); err != nil {
		b.log.WithError(err).Error("What there was of the job is not removed")
	}
	b.l.retire(b.runner)
}

// finish removes what there was of the job, once nobody needs it.
func (b *build) finish() error { return b.l.o.State.Finish(b.claim) }

// conclude closes what a job process left, once it is gone, and the slot is
// free. closing is what is told when the job has no end.
func (b *build) conclude(closing spool.Closing) {
	defer close(b.done)
	b.l.forgetLive(b)
	recovered, err := spool.Recover(b.dirs.Job, closing)
	b.result = recovered.End.State.GetResult()
	if err != nil {
		b.log.WithError(err).Error("The end of the job cannot be written, trying again")
		b.result = closing.Result
		b.l.builds.Go(func() { b.concludeLater(closing) })
	}
	if !recovered.HadEnd {
		b.log.WithFields(logrus.Fields{"bytes_cut": recovered.Cut, "output": b.lastWords()}).Warn("The job process left no result: " + closing.Reason)
		b.sweep()
		b.sweepContainers()
	}
	b.removeStray()
	if err := rmtree.Remove(b.dirs.Build); err != nil {
		b.log.WithError(err).Warn("Build directory not removed")
	}
	if b.handle != nil {
		b.handle.Wake()
	}
}

// removeStray removes the socket of a job process that was killed, where it
// could not be in the job's directory.
func (b *build) removeStray() {
	info, err := job.LoadInfo(b.dirs.Job)
	if err != nil {
		return // sweep tells
	}
	if err := jobsock.RemoveStray(info.Socket); err != nil {
		b.log.WithError(err).Warn("Socket of the job not removed")
	}
}

// concludeLater writes the end once it can be, the disk being full for one:
// until then the server is told that the job lives. When the launcher leaves
// first, the next start does it.
func (b *build) concludeLater(closing spool.Closing) {
	again := time.NewTicker(endPause)
	defer again.Stop()
	for {
		select {
		case <-b.l.leaving:
			return
		case <-again.C:
		}
		_, err := spool.Recover(b.dirs.Job, closing)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return // the sender looks by itself; or the server wants nothing more
		}
	}
}
