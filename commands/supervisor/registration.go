package supervisor

import (
	"net/url"
	"reflect"
	"slices"
	"time"

	"multirunner/common"
	"multirunner/helpers/backoff"
)

const (
	// A registration is hot, and polled at the base interval, for so long
	// after its last job.
	hotFor = 30 * time.Minute
	// The tasks version is sent as 0 at least this often: older servers did
	// not count every event, and a wake-up that was lost must not be for ever.
	versionReset = 5 * time.Minute
	// A registration that its server does not know is asked for this often.
	unregisteredInterval = 5 * time.Minute
	// Waits after errors grow from retryMin to retryMax.
	retryMin = time.Second
	retryMax = time.Minute
	// What every wait may differ by.
	jitter = 0.2
)

// entry is what one generation of the configuration says of a registration.
// It does not change, and may be read by anybody.
type entry struct {
	runner *common.RunnerConfig
	id     common.RegistrationID
	host   string // for log lines
	labels labelPlan
	fault  string // why it is not polled at all, or ""
}

func newEntry(runner *common.RunnerConfig, providers common.Providers, faults map[string]error) *entry {
	e := &entry{runner: runner, id: runner.ID(), host: hostOf(runner.URL), labels: planLabels(runner, providers, faults)}
	switch {
	case runner.UUID == "":
		e.fault = "it has no uuid: register it with `runner register`"
	case runner.Token.IsZero():
		e.fault = "it has no token: set token, token_file or token_env"
	default:
		e.fault = e.labels.fault
	}
	return e
}

func hostOf(instance string) string {
	u, err := url.Parse(instance)
	if err != nil || u.Host == "" {
		return instance
	}
	return u.Host
}

// sameDeclaration tells whether the server has nothing new to learn.
func (e *entry) sameDeclaration(old *entry) bool {
	return slices.Equal(e.labels.declared, old.labels.declared) &&
		e.runner.Token == old.runner.Token
}

func sameRunner(a, b *common.RunnerConfig) bool { return reflect.DeepEqual(a, b) }

func samePlan(a, b *entry) bool {
	return a.fault == b.fault && reflect.DeepEqual(a.labels, b.labels)
}

// weight is the registration's share of the slots when all are wanted.
func (e *entry) weight() float64 {
	if e.runner.Weight > 0 {
		return e.runner.Weight
	}
	return 1
}

// registration is the feeder's state of one registration. Only the feeder
// touches it; workers get what they need in a grant or a job.
type registration struct {
	entry        *entry
	endpoint     *endpoint
	client       Client // nil until the first poll of this generation
	capabilities []string
	declared     bool

	grant   *grant // the poll in flight, or nil
	jobs    int    // claimed and not ended
	removed bool   // gone from the configuration
	spent   bool   // ephemeral, and had its one task
	paused  bool   // by an operator

	version    int64
	versionAt  time.Time // when 0 was sent last
	epoch      int       // of the endpoint, when the version was asked for
	lastJob    time.Time // zero: none since the start
	empties    int       // in a row
	backlog    bool      // the last poll brought a job
	health     Health
	complained bool             // about it, in the log, since it was well
	retry      *backoff.Backoff // nil: the last answer was no error
	retryDelay time.Duration
	brake      *backoff.Backoff // nil: the last job could be started
	brakeUntil time.Time
	noRoom     string // why an executor refused the last turn, or ""
	outcome    string // of the last poll, for people
	outcomeAt  time.Time

	due        time.Time
	delay      time.Duration // that led to due
	readySince time.Time
	readyOrder uint64
	lastTurn   uint64 // 0: none yet
	readyClass class
	share      float64 // of a turn per cycle, in endpoint.demand

	fairStart, fairFinish float64 // virtual time, see fairness.go

	inDue, inReady, inWait, inRetry int // places in queues
}

// mayPoll tells whether the registration may get a turn when it is due.
func (r *registration) mayPoll() bool {
	limit := r.entry.runner.Limit
	return !r.removed && !r.spent && !r.paused && r.entry.fault == "" && (limit <= 0 || r.jobs < limit)
}

func (r *registration) classAt(now time.Time) class {
	if r.backlog {
		return busy
	}
	if !r.lastJob.IsZero() && now.Sub(r.lastJob) < hotFor {
		return hot
	}
	return cold
}

// interval is the wait after an empty answer, from the start of the poll: the
// base interval while hot, else doubling up to what the endpoint's idle budget
// asks for.
func (r *registration) interval(set settings, now time.Time) time.Duration {
	if r.classAt(now) != cold {
		return set.checkInterval
	}
	ceiling := set.idleInterval(r.endpoint.registrations)
	wait := set.checkInterval
	for i := 1; i < r.empties && wait < ceiling; i++ {
		wait *= 2
	}
	return min(wait, ceiling)
}

// versionToSend is the tasks version of the next poll. The server looks for
// work only when it differs from its own.
func (r *registration) versionToSend(now time.Time) int64 {
	if now.Sub(r.versionAt) >= versionReset || r.epoch != r.endpoint.epoch {
		return 0
	}
	return r.version
}

// release ends what feeder.brake does.
func (r *registration) release() { r.brake, r.brakeUntil = nil, time.Time{} }

// forgetVersion makes the next poll look for work whatever the server's
// version is.
func (r *registration) forgetVersion() { r.version = 0 }

// name is what the registration is called now.
func (r *registration) name() string { return r.entry.runner.Name }
