package commands

import (
	"github.com/sirupsen/logrus"

	"multirunner/commands/configfile"
	"multirunner/common"
)

// retire gives what takes an ephemeral registration out of a configuration
// file after its job. The file is followed: the runner sees the change.
func (r *runVerb) retire(path string) func(*common.RunnerConfig) {
	return func(runner *common.RunnerConfig) {
		log := r.log.WithFields(logrus.Fields{"runner": runner.Name, "config": path})
		removed, err := configfile.Remove(path, func(other *common.RunnerConfig) bool {
			return other.Ephemeral && other.ID() == runner.ID()
		})
		switch {
		case err != nil:
			log.WithError(err).Warnf("Ephemeral registration has had its job, and cannot be taken out of the configuration. "+
				"It is not polled any more; remove it with `runner unregister --name %q`.", runner.Name)
		case len(removed) > 0:
			log.Info("Ephemeral registration has had its job, and is taken out of the configuration.")
		}
	}
}
