package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"multirunner/common"
)

// missingExecutor is an executor that a registration names and that cannot
// work here. Labels on it are not declared to the server.
type missingExecutor struct {
	Executor string   `json:"executor"`
	Labels   []string `json:"labels"` // their names; empty when only jobs without a known label would use it
	Reason   string   `json:"reason"`
}

func (m missingExecutor) String() string {
	if len(m.Labels) == 0 {
		return fmt.Sprintf("executor %s is missing: %s", m.Executor, m.Reason)
	}
	return fmt.Sprintf("executor %s is missing, so %s cannot run here: %s", m.Executor, strings.Join(m.Labels, ", "), m.Reason)
}

// executorCheck asks each executor once whether it works on this machine.
type executorCheck struct {
	providers common.Providers
	answers   map[string]error
}

func (e *Env) executorCheck() *executorCheck {
	return &executorCheck{e.Providers, map[string]error{}}
}

// missing gives what a registration names and cannot have, in the order of
// its labels.
func (x *executorCheck) missing(ctx context.Context, r *common.RunnerConfig) []missingExecutor {
	var missing []missingExecutor
	add := func(executor, label string, err error) {
		if err == nil {
			return
		}
		i := slices.IndexFunc(missing, func(m missingExecutor) bool { return m.Executor == executor })
		if i < 0 {
			i = len(missing)
			missing = append(missing, missingExecutor{Executor: executor, Labels: []string{}, Reason: err.Error()})
		}
		if label != "" {
			missing[i].Labels = append(missing[i].Labels, label)
		}
	}
	for _, label := range r.ParsedLabels() {
		executor := x.executorOf(label, r)
		add(executor, label.Name, x.available(ctx, executor, r))
	}
	add(r.Executor, "", x.available(ctx, r.Executor, r))
	return missing
}

// executorOf names the executor of a label. A scheme that no executor of this
// build serves has the name of the one that would.
func (x *executorCheck) executorOf(label common.Label, r *common.RunnerConfig) string {
	if label.Scheme == "" {
		return r.Executor
	}
	if provider, ok := x.providers.ForScheme(label.Scheme); ok {
		return provider.Name()
	}
	return label.Scheme
}

func (x *executorCheck) available(ctx context.Context, executor string, r *common.RunnerConfig) error {
	provider, ok := x.providers[executor]
	if !ok {
		return errors.New("this build of runner does not have it")
	}
	key, ask := executor, provider.Available
	if located, ok := provider.(common.Located); ok {
		place := located.Place(r)
		key, ask = executor+" "+place, func(ctx context.Context) error { return located.AvailableAt(ctx, place) }
	}
	err, asked := x.answers[key]
	if !asked {
		err = ask(ctx)
		x.answers[key] = err
	}
	return err
}
