package network_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/network"
)

// polls takes all tokens of a time span, waiting as told.
func polls(b *network.PollBudget, span time.Duration) int {
	end, n := time.Now().Add(span), 0
	for time.Now().Before(end) {
		ok, wait := b.Take()
		if !ok {
			time.Sleep(wait)
			continue
		}
		n++
	}
	return n
}

func TestPollsStayWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, perSecond := range []float64{0.5, 4, 20, 200} {
			b := network.NewBudget(perSecond, 0)
			got, most := polls(b.Polls, time.Minute), perSecond*60*1.02+1
			if float64(got) > most || float64(got) < perSecond*60*0.95 {
				t.Errorf("%v per second: %d polls in a minute", perSecond, got)
			}
		}
	})
}

func TestTakeTellsWhenTheNextTokenComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := network.NewBudget(2, 0)
		if ok, _ := b.Polls.Take(); !ok {
			t.Fatal("the bucket is not full at first")
		}
		ok, wait := b.Polls.Take()
		if ok || wait != 500*time.Millisecond {
			t.Fatalf("got %v, %v", ok, wait)
		}
		time.Sleep(wait)
		if ok, _ := b.Polls.Take(); !ok {
			t.Error("no token after the wait")
		}
	})
}

func TestBusyHalvesThePollsAndQuietMinutesBringThemBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := network.NewBudget(20, 0).Polls
		rate := func(want float64) {
			t.Helper()
			if got := b.Rate(); math.Abs(got-want) > 1e-9 {
				t.Errorf("rate %v, want %v", got, want)
			}
		}
		b.Busy()
		b.Busy() // the same overload
		rate(10)
		for range 10 {
			time.Sleep(2 * time.Second)
			b.Busy()
		}
		rate(2) // a tenth is left
		time.Sleep(59 * time.Second)
		rate(2)
		time.Sleep(2 * time.Second)
		rate(4)
		time.Sleep(3 * time.Minute)
		rate(10)
		b.Set(40)
		rate(20) // what the server asked for stays in force
		time.Sleep(time.Hour)
		rate(40)
	})
}

func TestNoBudgetIsNoLimit(t *testing.T) {
	b := network.NewBudget(0, 0)
	for range 10_000 {
		if ok, _ := b.Polls.Take(); !ok {
			t.Fatal("a poll was refused")
		}
		b.Reports.Spend()
	}
	b.Polls.Busy()
	if !math.IsInf(b.Polls.Rate(), 1) || b.Reports.Stretch() != 1 {
		t.Errorf("rate %v, stretch %v", b.Polls.Rate(), b.Reports.Stretch())
	}
}

func TestReportsStretchUntilTheyFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := network.NewBudget(0, 50).Reports
		// 400 jobs that report every second by themselves: eight times the budget.
		run := func(wanted float64, span time.Duration) (perSecond float64) {
			n, end := 0, time.Now().Add(span)
			for time.Now().Before(end) {
				b.Spend()
				n++
				time.Sleep(time.Duration(float64(time.Second) * b.Stretch() / wanted))
			}
			return float64(n) / span.Seconds()
		}
		run(400, time.Minute)
		if got := run(400, time.Minute); got > 55 || got < 45 {
			t.Errorf("%v reports per second", got)
		}
		if stretch := b.Stretch(); stretch < 7 || stretch > 9 {
			t.Errorf("stretched %v times", stretch)
		}
		run(10, 30*time.Second)
		if stretch := b.Stretch(); stretch != 1 {
			t.Errorf("still stretched %v times", stretch)
		}
	})
}
