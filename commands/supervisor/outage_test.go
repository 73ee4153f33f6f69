package supervisor

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/network"
)

// A refused connection costs the server nothing, so that a server that is back
// is asked as often as before. One that had too much to do is not.
func TestAfterAnOutageAllRegistrationsAreSoonAskedAgain(t *testing.T) {
	const registrations, outage = 200, 30 * time.Second
	for _, test := range []struct {
		class  network.Class
		within [2]time.Duration // from the first answer until the last
	}{
		// 200 at 20 per second, of which some were asked just before.
		{network.ClassTransport, [2]time.Duration{0, 30 * time.Second}},
		{network.ClassBusy, [2]time.Duration{50 * time.Second, 2 * time.Minute}},
	} {
		t.Run(test.class.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 77)
				w.config.Concurrent = 20
				s := w.server("one.example")
				for i := range registrations {
					w.register(s, fmt.Sprint("r", i))
				}
				w.run()
				time.Sleep(10 * time.Minute)
				s.set(func() { s.refuse = &test.class })
				time.Sleep(outage)
				s.set(func() { s.refuse = nil })
				back := time.Now()
				time.Sleep(10 * time.Minute)
				first, last := time.Hour, time.Duration(0)
				for i := range registrations {
					for _, p := range s.polls(fmt.Sprint("uuid-r", i)) {
						if after := p.start.Sub(back); after >= 0 {
							first, last = min(first, after), max(last, after)
							break
						}
					}
				}
				t.Logf("first answer after %s, all asked %s later", first.Round(time.Second), (last - first).Round(time.Second))
				if took := last - first; took < test.within[0] || took > test.within[1] {
					t.Errorf("all were asked again after %s, want %s", took, test.within)
				}
				w.end(StopDrain)
			})
		})
	}
}

func TestPollsThatMayHaveBeenGivenATask(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		class network.Class
		may   bool
	}{
		"a refused connection":    {&network.TransportError{Sent: false}, network.ClassTransport, false},
		"a broken one":            {&network.TransportError{Sent: true}, network.ClassTransport, true},
		"no answer in time":       {classError{network.ClassPatience}, network.ClassPatience, true},
		"the server's deadline":   {classError{network.ClassExpired}, network.ClassExpired, true},
		"a proxy without answer":  {&network.ResponseError{Status: 504}, network.ClassBusy, true},
		"a proxy without server":  {&network.ResponseError{Status: 502}, network.ClassBusy, false},
		"a server that fails":     {classError{network.ClassInternal}, network.ClassInternal, false},
		"a server with much load": {&network.ResponseError{Status: 429}, network.ClassBusy, false},
	} {
		if mayHaveTask(test.err, test.class) != test.may {
			t.Errorf("%s: %v", name, !test.may)
		}
	}
}
