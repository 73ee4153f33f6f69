package launch

import "multirunner/common"

// spend remembers that an ephemeral registration has got its one job, so that
// no later start asks for another one.
func (l *Launcher) spend(runner *common.RunnerConfig) {
	if !runner.Ephemeral {
		return
	}
	if err := l.o.State.AddSpent(runner.ID()); err != nil {
		l.o.Log.WithError(err).WithField("runner", runner.Name).Error(
			"That this ephemeral registration has got its job is not remembered over a restart: it would be polled again")
	}
}

// retire takes an ephemeral registration out of the configuration, once its
// one job is over and reported.
func (l *Launcher) retire(runner *common.RunnerConfig) {
	if runner.Ephemeral && l.o.Retire != nil {
		l.o.Retire(runner)
	}
}

// retireSpent does so for those that an earlier runner did not come to, or
// could not. busy are those whose job is not reported yet.
func (l *Launcher) retireSpent(runners []*common.RunnerConfig, busy map[common.RegistrationID]bool) {
	ids, err := l.o.State.Spent()
	if err != nil {
		return // told by whoever needs to know
	}
	spent := map[common.RegistrationID]bool{}
	for _, id := range ids {
		spent[id] = true
	}
	for _, runner := range runners {
		if id := runner.ID(); spent[id] && !busy[id] {
			l.builds.Go(func() { l.retire(runner) })
		}
	}
}
