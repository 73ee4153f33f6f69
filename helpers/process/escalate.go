package process

import "time"

// groupPoll is how often a group whose main process is gone is looked at.
const groupPoll = 20 * time.Millisecond

// stage is how hard a group is asked to end.
type stage int

const (
	stageInterrupt stage = iota // SIGINT, CTRL_BREAK
	stageTerminate              // SIGTERM, CTRL_BREAK once more
	stageKill                   // SIGKILL, the end of the job object
)

// Escalation says how a process group is ended: an interrupt, after Graceful a
// terminate, after Force a kill. The next one is sent only while something of
// the group is left.
type Escalation struct {
	Graceful time.Duration
	Force    time.Duration
	// AtOnce tells, by the cause of the context, that the group is killed
	// without the softer signals. Nil never does.
	AtOnce func(cause error) bool
	// Hurry, once closed, cuts the gaps short. Nil never does.
	Hurry <-chan struct{}
}

// end ends the group and returns when it is gone, or did not go within 10 s
// after the kill.
func (c *Command) end(cause error, e Escalation) {
	if e.AtOnce == nil || !e.AtOnce(cause) {
		if c.ask(stageInterrupt, e.Graceful, e.Hurry) || c.ask(stageTerminate, e.Force, e.Hurry) {
			return
		}
	}
	c.ask(stageKill, killPatience, nil)
}

// ask sends a signal to the group and tells whether it was gone within gap, and
// before there was a hurry.
func (c *Command) ask(s stage, gap time.Duration, hurry <-chan struct{}) bool {
	c.group.signal(s)
	timer := time.NewTimer(gap)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
		return false
	case <-hurry:
		return false
	}
	poll := time.NewTicker(groupPoll)
	defer poll.Stop()
	for c.group.alive() {
		// A shell without job control starts background commands with SIGINT
		// ignored. To wait for them to act on it only costs time.
		if c.group.ignores(s) {
			return false
		}
		select {
		case <-timer.C:
			return false
		case <-hurry:
			return false
		case <-poll.C:
		}
	}
	return true
}
