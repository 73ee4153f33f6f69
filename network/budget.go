package network

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Budget is what an endpoint may be asked per second, all registrations
// together: polls and reports each have their own, so that neither starves the
// other.
type Budget struct {
	Polls   *PollBudget
	Reports *ReportBudget
}

// NewBudget makes full budgets of so many requests per second. Numbers that
// are not positive mean no limit.
func NewBudget(pollsPerSecond, reportsPerSecond float64) *Budget {
	return &Budget{Polls: newPollBudget(pollsPerSecond), Reports: newReportBudget(reportsPerSecond)}
}

const (
	// One overload comes back in many answers: it halves the rate once.
	halveGap = time.Second
	// What is regained per minute without a busy answer, and the least that is
	// left, as fractions of the configured rate.
	regain = 0.1
	floor  = 0.1
)

// PollBudget is a token bucket whose rate halves when the server is busy and
// comes back by a tenth of the configured rate per quiet minute. It is safe
// for concurrent use.
type PollBudget struct {
	mu         sync.Mutex
	limiter    *rate.Limiter
	configured float64
	factor     float64   // floor to 1
	changed    time.Time // when factor changed last
}

func newPollBudget(perSecond float64) *PollBudget {
	b := &PollBudget{factor: 1, limiter: rate.NewLimiter(rate.Inf, 1)}
	b.Set(perSecond)
	return b
}

// Set changes the configured rate; what the server asked for stays in force.
func (b *PollBudget) Set(perSecond float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.configured = perSecond
	b.apply(time.Now())
}

// Take takes a token. Without one it tells how long until there is one, and
// takes nothing.
func (b *PollBudget) Take() (ok bool, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.recover(now)
	if b.limiter.AllowN(now, 1) {
		return true, 0
	}
	missing := 1 - b.limiter.TokensAt(now)
	wait = time.Duration(math.Ceil(missing / float64(b.limiter.Limit()) * float64(time.Second)))
	return false, max(wait, time.Millisecond)
}

// Busy tells that the server asked for less.
func (b *PollBudget) Busy() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.recover(now)
	if b.factor < 1 && now.Sub(b.changed) < halveGap {
		return
	}
	b.factor = max(b.factor/2, floor)
	b.changed = now
	b.apply(now)
}

// Rate is the present rate per second; +Inf without a limit.
func (b *PollBudget) Rate() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recover(time.Now())
	if b.configured <= 0 {
		return math.Inf(1)
	}
	return float64(b.limiter.Limit())
}

func (b *PollBudget) recover(now time.Time) {
	minutes := math.Floor(now.Sub(b.changed).Minutes())
	if b.factor >= 1 || minutes < 1 {
		return
	}
	b.factor = min(b.factor+regain*minutes, 1)
	b.changed = b.changed.Add(time.Duration(minutes) * time.Minute)
	b.apply(now)
}

func (b *PollBudget) apply(now time.Time) {
	if b.configured <= 0 {
		b.limiter.SetLimitAt(now, rate.Inf)
		return
	}
	perSecond := b.configured * b.factor
	b.limiter.SetLimitAt(now, rate.Limit(perSecond))
	// Enough for a wake-up that comes a tenth of a second late.
	b.limiter.SetBurstAt(now, max(1, int(perSecond/10)))
}

// ReportBudget counts reports. It never holds one back: when more are sent
// than the budget allows, it tells by how much the intervals between them are
// to be stretched. It is safe for concurrent use.
type ReportBudget struct {
	mu        sync.Mutex
	perSecond float64
	tokens    float64
	at        time.Time
}

const (
	// The bucket holds the reports of so many seconds. A debt of one bucket
	// doubles the intervals.
	reportBurst = 2 * time.Second
	maxStretch  = 30
)

func newReportBudget(perSecond float64) *ReportBudget {
	b := &ReportBudget{perSecond: perSecond, at: time.Now()}
	b.tokens = b.bucket()
	return b
}

// Set changes the rate.
func (b *ReportBudget) Set(perSecond float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(time.Now())
	b.perSecond = perSecond
	b.tokens = min(b.tokens, b.bucket())
}

// Spend counts one report that is being sent.
func (b *ReportBudget) Spend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.perSecond <= 0 {
		return
	}
	b.refill(time.Now())
	b.tokens = max(b.tokens-1, -b.bucket()*(maxStretch-1))
}

// Stretch is the factor for the intervals between reports, at least 1. It
// settles where the stretched reports are as many as the budget allows: while
// they are more the debt grows, and with it the factor.
func (b *ReportBudget) Stretch() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.perSecond <= 0 {
		return 1
	}
	b.refill(time.Now())
	return 1 + max(0, -b.tokens)/b.bucket()
}

func (b *ReportBudget) refill(now time.Time) {
	b.tokens = min(b.tokens+now.Sub(b.at).Seconds()*max(b.perSecond, 0), b.bucket())
	b.at = now
}

func (b *ReportBudget) bucket() float64 {
	return max(1, b.perSecond*reportBurst.Seconds())
}
