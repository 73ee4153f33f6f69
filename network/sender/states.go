package sender

import (
	"context"
	"slices"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/spool"
)

const (
	stateGap         = 250 * time.Millisecond // between two UpdateTask of a job, its end excepted
	stateIntervalMax = 30 * time.Second       // when the budget stretches heartbeats
	// aloneTime is how long one kind of request may fail, while the others
	// work, before the final state no longer waits for it.
	aloneTime = 10 * time.Minute
	maxMisses = 5
)

// stateStep is a turn of the loop for states, outputs and the end.
func (j *job) stateStep(ctx context.Context) next {
	j.mu.Lock()
	j.scan()
	now := time.Now()
	if j.stateLeaves() {
		j.mu.Unlock()
		return next{leave: true}
	}
	at, final := j.stateDue(now)
	if !due(at, now) {
		j.mu.Unlock()
		return next{at: at}
	}
	r := j.report(final)
	j.mu.Unlock()
	j.sendState(ctx, r)
	return next{at: now}
}

// stateLeaves tells whether the loop has nothing left to do. j.mu is held.
func (j *job) stateLeaves() bool {
	switch {
	case j.finalSent && j.logClosed:
		j.conclude()
		return true
	case j.finalSent || j.outcome != Pending:
		return true
	case j.end == nil && j.leaving():
		return j.doomed != "" || j.transitions == j.stated && len(j.outputs) == 0
	}
	return false
}

// stateDue tells when the next UpdateTask is, zero for not yet, and whether it
// is the final one. j.mu is held.
func (j *job) stateDue(now time.Time) (at time.Time, final bool) {
	l := &j.state
	if j.doomed != "" {
		if j.end != nil && j.logClosed && len(j.summaries) == 0 {
			return now, true
		}
		return time.Time{}, false
	}
	if j.finalReady(now) {
		return later(now, l.notBefore), true
	}
	interval := j.sender.reporting().StateReportInterval.Std()
	at = l.last.Add(stretched(interval, j.Budget.Stretch(), max(stateIntervalMax, interval)))
	switch {
	case len(j.outputs) > 0 && (j.end != nil || j.leaving()):
		at = now
	case j.end != nil: // the final state says the rest
	case j.transitions != j.stated && j.leaving():
		at = now
	case j.transitions != j.stated || len(j.outputs) > 0:
		at = earlier(at, l.last.Add(stateGap))
	}
	return later(at, l.notBefore), false
}

// finalReady tells whether nothing is left that has to come before the final
// state. j.mu is held.
func (j *job) finalReady(now time.Time) bool {
	if j.end == nil || len(j.outputs) > 0 || len(j.summaries) > 0 {
		return false
	}
	return j.logClosed || !j.Ephemeral && j.alone(&j.logs, now)
}

// alone tells whether one kind of request has been failing for long while
// UpdateTask works. j.mu is held.
func (j *job) alone(l *lane, now time.Time) bool {
	if l.failing.IsZero() || !j.state.failing.IsZero() || j.state.working.IsZero() {
		return false
	}
	return now.Sub(later(l.failing, j.state.working)) >= aloneTime
}

// report is an UpdateTask.
type report struct {
	req         *runnerv1.UpdateTaskRequest
	outputs     []waiting
	transitions int64
	final       bool
}

// report makes the next UpdateTask. j.mu is held.
func (j *job) report(final bool) report {
	r := report{final: final, transitions: j.transitions, req: &runnerv1.UpdateTaskRequest{State: new(runnerv1.TaskState)}}
	state := r.req.State
	switch {
	case j.end != nil:
		proto.Merge(state, j.end.State)
	case len(j.tail.state) > 0:
		if err := proto.Unmarshal(j.tail.state, state); err != nil {
			j.log.WithError(err).Error("a state in the spool cannot be decoded")
		}
	}
	state.Id = j.TaskID
	if final {
		j.finish(state)
		return r
	}
	state.Result, state.StoppedAt = runnerv1.Result_RESULT_UNSPECIFIED, nil
	for _, step := range state.Steps {
		if step.StartedAt != nil && step.StoppedAt == nil && step.Result == runnerv1.Result_RESULT_UNSPECIFIED {
			step.LogLength = max(0, j.tail.rows-step.LogIndex)
		}
	}
	j.addOutputs(&r)
	return r
}

// finish makes sure that a final state is one: without stopped_at the server
// stores 1970, without a result the task goes on.
func (j *job) finish(state *runnerv1.TaskState) {
	if state.Result == runnerv1.Result_RESULT_UNSPECIFIED {
		state.Result = runnerv1.Result_RESULT_FAILURE
	}
	if state.StoppedAt == nil {
		state.StoppedAt = timestamppb.Now()
	}
	if j.alone(&j.logs, time.Now()) {
		j.log.Warn("the log cannot be sent: the result goes first")
	}
}

// addOutputs adds outputs that the server lacks, within the bounds of a
// request, but at least one.
func (j *job) addOutputs(r *report) {
	size := 0
	for _, w := range slices.Clone(j.outputs) {
		if len(r.outputs) > 0 && (j.one || size+w.size > maxBytes) {
			return
		}
		var out spool.Output
		err := j.record(w.at.offset, func(rec spool.Record) (err error) {
			out, err = rec.Output()
			return err
		})
		if err != nil {
			j.log.WithError(err).Errorf("output %q dropped: it cannot be read from the spool", w.name)
			j.dropOutput(w.name)
			continue
		}
		if r.req.Outputs == nil {
			r.req.Outputs = make(map[string]string)
		}
		r.req.Outputs[w.name] = out.Value
		r.outputs = append(r.outputs, w)
		size += w.size
	}
}

// dropOutput counts an output as dealt with.
func (j *job) dropOutput(name string) {
	j.sentOutputs[name] = true
	j.outputs = slices.DeleteFunc(j.outputs, func(w waiting) bool { return w.name == name })
}

func (j *job) sendState(ctx context.Context, r report) {
	var answer *runnerv1.UpdateTaskResponse
	err := j.observe("UpdateTask", func() (err error) {
		answer, err = j.Client.UpdateTask(ctx, r.req)
		return err
	})
	if err != nil {
		j.stateFailed(ctx, r, err)
		return
	}
	j.mu.Lock()
	j.confirm(r, answer.GetSentOutputs())
	j.stated = r.transitions
	j.succeeded(&j.state, "UpdateTask")
	if r.final {
		j.finalSent = true
	}
	// A success makes the age that is stored too long, as well.
	if r.final || len(r.outputs) > 0 || j.failingFor(time.Now()) < j.savedFailing {
		j.save()
	}
	if r.final && j.doomed != "" {
		j.conclude()
	}
	j.ends()
	j.scan()
	running := j.end == nil
	j.mu.Unlock()
	if running { // else there is nothing left to stop
		j.obey(answer.GetState().GetResult())
	}
}

// obey does what the server's idea of the task's result asks for.
func (j *job) obey(result runnerv1.Result) {
	switch result {
	case runnerv1.Result_RESULT_UNSPECIFIED:
	case runnerv1.Result_RESULT_CANCELLED:
		j.stop(common.StopServer)
	default: // a sweep of tasks that were silent or took too long
		j.doom(DroppedTask, "the server has closed the task as "+result.String())
	}
}

// confirm takes the names of all outputs that the server has. j.mu is held.
func (j *job) confirm(r report, names []string) {
	for _, name := range names {
		j.dropOutput(name)
	}
	for _, sent := range r.outputs {
		i := slices.IndexFunc(j.outputs, func(w waiting) bool { return w.name == sent.name })
		if i < 0 {
			continue
		}
		if j.outputs[i].misses++; j.outputs[i].misses >= maxMisses {
			j.log.Warnf("output %q dropped: the server does not take it", sent.name)
			j.dropOutput(sent.name)
		}
	}
}

func (j *job) stateFailed(ctx context.Context, r report, err error) {
	if ctx.Err() != nil {
		return
	}
	class := network.Classify(err)
	j.mu.Lock()
	tried := j.Resumed || !j.state.failing.IsZero()
	if r.final && j.Ephemeral && tried && class == network.ClassUnregistered {
		// The final state was taken, its answer was lost: it ends the
		// registration.
		j.finalSent = true
		j.save()
		j.ends()
		j.mu.Unlock()
		return
	}
	j.mu.Unlock()
	if reason, why := fatal(err); why != "" {
		j.doom(reason, why)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.doomed != "" {
		if r.final { // this was the one attempt
			j.conclude()
		}
		return
	}
	refused := class == network.ClassTooLarge || class == network.ClassPermanent
	switch {
	case refused && len(r.outputs) > 0:
		j.one = true
		if len(r.outputs) == 1 && j.refuses(r.outputs[0], class) {
			j.log.WithError(err).Warnf("output %q dropped: the server refuses it", r.outputs[0].name)
			j.dropOutput(r.outputs[0].name)
		}
	case refused && r.final:
		if j.state.refusals++; j.state.refusals >= maxRefusals {
			j.give(DroppedRefused, "the server refuses the result: "+err.Error())
			return
		}
	}
	j.failed(&j.state, "UpdateTask", err)
}

// refuses tells whether an output that is refused alone is not tried again: of
// one that is too large that is certain. j.mu is held.
func (j *job) refuses(w waiting, class network.Class) bool {
	i := slices.IndexFunc(j.outputs, func(other waiting) bool { return other.name == w.name })
	if i < 0 || class == network.ClassTooLarge {
		return true
	}
	j.outputs[i].misses++
	return j.outputs[i].misses >= maxMisses
}
