package supervisor

import (
	"context"
	"fmt"
	"time"

	"multirunner/common"
	"multirunner/helpers/backoff"
)

// ReloadRequest asks for a new configuration to be used.
type ReloadRequest struct {
	// Config is validated, its tokens are resolved, and nobody changes it any
	// more.
	Config *common.Config
	// Err says that the new configuration is wrong. The old one stays.
	Err error
	// Source says who asks, for the log: "SIGHUP", "file changed".
	Source string
}

// updateConfig is the actor that takes reloads.
func (s *Supervisor) updateConfig(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case req, ok := <-s.options.Reload:
			if !ok {
				<-ctx.Done()
				return nil
			}
			s.reload(req)
		}
	}
}

func (s *Supervisor) reload(req ReloadRequest) {
	log := s.log.WithField("source", req.Source)
	if req.Err != nil || req.Config == nil {
		s.metrics.reloaded(false, time.Now())
		log.WithError(req.Err).Error("The new configuration is not used, the old one stays.")
		return
	}
	reply := make(chan reloadSummary, 1)
	s.config.Store(req.Config)
	s.post(newConfig{req.Config, reply})
	select {
	case summary := <-reply:
		s.metrics.reloaded(true, time.Now())
		log.Infof("Configuration loaded: %s.", summary)
	case <-s.done:
	}
}

type reloadSummary struct{ added, changed, removed, same int }

func (r reloadSummary) String() string {
	return fmt.Sprintf("%d registrations added, %d changed, %d removed, %d as they were", r.added, r.changed, r.removed, r.same)
}

// newConfig makes the feeder use a configuration.
type newConfig struct {
	config *common.Config
	reply  chan<- reloadSummary
}

func (ev newConfig) apply(f *feeder, now time.Time) {
	ev.reply <- f.useConfig(ev.config, now)
}

// useConfig compares by what a registration is, not by where it stands or what
// it is called. Those that did not change keep their state; those that are
// gone finish their jobs, and what their polls bring is run.
func (f *feeder) useConfig(c *common.Config, now time.Time) (sum reloadSummary) {
	f.set = settingsOf(c)
	f.metrics.mode(f.set.perRunner, len(c.Runners))
	f.updateWorkers(f.set.concurrent)
	for _, e := range f.endpoints {
		e.budget.Set(f.set.requestRate)
	}

	wanted, order := f.byID(c.Runners)
	for id, r := range f.registrations {
		if wanted[id] == nil && !r.removed {
			f.remove(r, now)
			sum.removed++
		}
	}
	var fresh []*registration
	for _, id := range order {
		runner, r := wanted[id], f.registrations[id]
		switch {
		case r == nil:
			r = f.add(newEntry(runner, f.providers, f.faults))
			fresh = append(fresh, r)
			sum.added++
		case r.removed:
			f.revive(r)
			f.change(r, newEntry(runner, f.providers, f.faults), now)
			fresh = append(fresh, r)
			sum.added++
		case runner != r.entry.runner && !sameRunner(runner, r.entry.runner):
			f.change(r, newEntry(runner, f.providers, f.faults), now)
			f.settle(r, now)
			sum.changed++
		default:
			sum.same++
		}
	}
	f.spreadOut(fresh, now)
	for _, r := range f.registrations {
		if !r.removed {
			f.metrics.declareRunner(r.name(), r.entry.runner.Limit, f.jobsOf(r))
		}
	}
	return sum
}

// countName keeps the metrics of a name for as long as a registration bears
// it: a removed one with jobs may share it with its successor.
func (f *feeder) countName(name string, by int) {
	if f.names[name] += by; f.names[name] > 0 {
		return
	}
	delete(f.names, name)
	f.metrics.forgetRunner(name)
}

// jobsOf is how many jobs there are under the name of a registration.
func (f *feeder) jobsOf(r *registration) int {
	if f.names[r.name()] <= 1 {
		return r.jobs
	}
	jobs := 0
	for _, other := range f.registrations {
		if other.name() == r.name() {
			jobs += other.jobs
		}
	}
	return jobs
}

// byID gives the registrations by what they are, and their order. Of two that
// are the same the first one counts.
func (f *feeder) byID(runners []*common.RunnerConfig) (map[common.RegistrationID]*common.RunnerConfig, []common.RegistrationID) {
	wanted := make(map[common.RegistrationID]*common.RunnerConfig, len(runners))
	order := make([]common.RegistrationID, 0, len(runners))
	urls := map[string]string{} // thousands of registrations may share a few servers
	for _, runner := range runners {
		url, ok := urls[runner.URL]
		if !ok {
			url = common.NormalizeURL(runner.URL)
			urls[runner.URL] = url
		}
		id := common.RegistrationID{URL: url, UUID: runner.UUID}
		if twin := wanted[id]; twin != nil {
			f.log.WithField("runner", runner.Name).Errorf("Same url and uuid as %q: the later entry is left out.", twin.Name)
			continue
		}
		wanted[id] = runner
		order = append(order, id)
	}
	return wanted, order
}

// spreadOut gives new registrations their first turns, not all at once.
func (f *feeder) spreadOut(fresh []*registration, now time.Time) {
	count := map[*endpoint]int{}
	for _, r := range fresh {
		count[r.endpoint]++
	}
	for _, r := range fresh {
		wait := time.Duration(f.rand() * float64(f.set.spread(count[r.endpoint])))
		f.dueAt(r, now.Add(wait), wait)
		f.settle(r, now)
	}
}

// add makes the state of a registration. Its first turn is still to be set.
func (f *feeder) add(en *entry) *registration {
	r := &registration{entry: en, health: HealthNew, fairFinish: f.fair.now, paused: f.paused[en.id]}
	r.endpoint = f.endpointOf(en)
	f.countLive(r.endpoint, 1)
	f.registrations[en.id] = r
	f.countName(en.runner.Name, 1)
	f.noteSpent(r)
	f.complain(r)
	return r
}

func (f *feeder) countLive(e *endpoint, by int) {
	was := e.registrations > 0
	e.registrations += by
	if is := e.registrations > 0; is && !was {
		f.live++
	} else if was && !is {
		f.live--
	}
}

// change puts a new entry in the place of an old one, and forgets what was
// learnt about it. A poll in flight goes on, for the old one.
func (f *feeder) change(r *registration, en *entry, now time.Time) {
	old := r.entry
	f.countName(en.runner.Name, 1)
	f.countName(old.runner.Name, -1)
	r.entry = en
	r.client = nil
	r.declared = r.declared && en.sameDeclaration(old)
	r.health, r.complained = HealthNew, false
	r.noRoom = ""
	f.noteSpent(r)
	r.empties = 0
	r.forgetVersion()
	r.retry, r.retryDelay = nil, 0
	r.release()
	f.retrying.remove(r)
	f.dueAt(r, now, 0)
	f.complain(r)
}

// remove takes a registration out of the configuration.
func (f *feeder) remove(r *registration, now time.Time) {
	r.removed = true
	f.countLive(r.endpoint, -1)
	f.retrying.remove(r)
	f.logFor(r.entry).WithField("jobs", r.jobs).Info("Registration was removed from the configuration. Its jobs go on.")
	if r.grant == nil {
		f.settle(r, now)
	}
}

func (f *feeder) revive(r *registration) {
	r.removed = false
	f.countLive(r.endpoint, 1)
}

// forget drops the state of a removed registration that has nothing left.
func (f *feeder) forget(r *registration) {
	f.setShare(r, 0)
	f.retrying.remove(r)
	delete(f.registrations, r.entry.id)
	f.countName(r.entry.runner.Name, -1)
	if e := r.endpoint; e.registrations == 0 && e.outstanding == 0 && !f.used(e) {
		delete(f.endpoints, e.url)
	}
}

// used tells whether a removed registration still needs the endpoint.
func (f *feeder) used(e *endpoint) bool {
	for _, r := range f.registrations {
		if r.endpoint == e {
			return true
		}
	}
	return false
}

// noteSpent tells whether the registration, as it is configured now, has had
// the one task that it is for.
func (f *feeder) noteSpent(r *registration) {
	r.spent = f.spent[r.entry.id] && r.entry.runner.Ephemeral
	if r.spent {
		r.health = HealthSpent
	}
}

// complain logs once what keeps a registration, or a label of it, from work.
func (f *feeder) complain(r *registration) {
	log := f.logFor(r.entry)
	if r.entry.fault != "" {
		r.health = HealthMisconfigured
		log.Errorf("Registration is not polled: %s.", r.entry.fault)
		return
	}
	for _, label := range r.entry.labels.missing {
		log.WithField("label", label.Label).Warnf("Label is not declared to the server: %s.", label.Reason)
	}
}

// executorFaults makes the feeder use a new view of which executors work.
type executorFaults map[string]error

func (ev executorFaults) apply(f *feeder, now time.Time) {
	f.faults = ev
	for _, r := range f.registrations {
		en := newEntry(r.entry.runner, f.providers, f.faults)
		if r.removed || samePlan(en, r.entry) {
			continue
		}
		client := r.client
		f.change(r, en, now)
		r.client = client
		f.dueAt(r, now.Add(backoff.Jitter(f.set.checkInterval/2, 1, f.rand)), f.set.checkInterval)
		f.settle(r, now)
	}
}
