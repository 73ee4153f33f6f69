package launch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/commands/state"
	"multirunner/common"
	"multirunner/network"
)

// errNoCredential is why a job cannot be reported whose registration left the
// configuration before this program kept what reports need.
var errNoCredential = errors.New("its registration has left the configuration and its token is not kept")

// speaker is how the jobs of a registration report. What it needs may change
// while they run (a new token, another CA file), or may not be there yet: then a
// report fails, and the sender tries again. It is a sender.Reporter.
type speaker struct {
	l *Launcher

	mu     sync.Mutex
	runner *common.RunnerConfig
	client *network.Client // nil until it is needed, and after a change
}

// speak gives a speaker; end it when nothing is left to report.
func (l *Launcher) speak(runner *common.RunnerConfig) *speaker {
	l.mu.Lock()
	defer l.mu.Unlock()
	if configured := l.configured[runner.ID()]; configured != nil {
		runner = configured // which may be newer than the poll that brought the job
	}
	s := &speaker{l: l, runner: runner}
	l.speakers[s] = struct{}{}
	return s
}

func (s *speaker) end() {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	delete(s.l.speakers, s)
}

// use takes what a new configuration says of the registration, and tells
// whether that is something else for reports.
func (s *speaker) use(runner *common.RunnerConfig) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = credentialOf(runner) != credentialOf(s.runner)
	s.runner = runner
	if changed {
		s.client = nil
	}
	return changed
}

func (s *speaker) dialled() (*network.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil
	}
	if s.runner.Token.IsZero() {
		return nil, fmt.Errorf("registration %s: %w", s.runner.Name, errNoCredential)
	}
	client, err := s.l.dial(s.runner)
	s.client = client
	return client, err
}

// UpdateLog implements sender.Reporter.
func (s *speaker) UpdateLog(ctx context.Context, req *runnerv1.UpdateLogRequest) (*runnerv1.UpdateLogResponse, error) {
	client, err := s.dialled()
	if err != nil {
		return nil, err
	}
	return client.UpdateLog(ctx, req)
}

// UpdateTask implements sender.Reporter.
func (s *speaker) UpdateTask(ctx context.Context, req *runnerv1.UpdateTaskRequest) (*runnerv1.UpdateTaskResponse, error) {
	client, err := s.dialled()
	if err != nil {
		return nil, err
	}
	return client.UpdateTask(ctx, req)
}

// UploadSummary implements sender.Reporter.
func (s *speaker) UploadSummary(ctx context.Context, req network.SummaryRequest) error {
	client, err := s.dialled()
	if err != nil {
		return err
	}
	return client.UploadSummary(ctx, req)
}

func credentialOf(runner *common.RunnerConfig) state.Credential {
	return state.Credential{Token: runner.Token, CAFile: runner.TLSCAFile, Insecure: runner.InsecureSkipVerify}
}

// configure takes the registrations of a configuration: jobs that are being
// reported speak with what it says of theirs. What is known of those that are
// not in it is dropped, also on the disk, unless they have jobs.
func (l *Launcher) configure(runners []*common.RunnerConfig) {
	configured := make(map[common.RegistrationID]*common.RunnerConfig, len(runners))
	ids := make([]common.RegistrationID, 0, len(runners))
	for _, runner := range runners {
		id := runner.ID()
		configured[id] = runner
		ids = append(ids, id)
	}
	l.mu.Lock()
	l.configured, l.dialled = configured, nil
	for id := range l.capabilities {
		if configured[id] == nil {
			delete(l.capabilities, id)
		}
	}
	changed := map[common.RegistrationID]bool{}
	for s := range l.speakers {
		s.mu.Lock()
		id := s.runner.ID()
		s.mu.Unlock()
		if runner := configured[id]; runner != nil && s.use(runner) {
			changed[id] = true
		}
	}
	l.mu.Unlock()
	for id := range changed {
		l.o.Log.WithField("runner", configured[id].Name).Info("Its jobs report with the new token or TLS settings from now on")
		if err := l.o.State.KeepCredential(id, credentialOf(configured[id])); err != nil {
			l.o.Log.WithField("runner", configured[id].Name).WithError(err).Warn("Should this process end before its jobs, the next one may not be able to report them")
		}
	}
	if err := l.o.State.Serve(ids); err != nil {
		l.o.Log.WithError(err).Warn("Tokens of registrations that are gone are left on the disk")
	}
}
