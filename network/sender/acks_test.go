package sender

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"multirunner/network/spool"
)

// refuse is a server that fails requests with a text in them.
func refuse(server *fakeServer, text string, refusal fault) http.Handler {
	next := server.handler
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), text) {
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			next.ServeHTTP(w, r)
			return
		}
		if refusal.status != 0 {
			w.WriteHeader(refusal.status)
			return
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_ = connect.NewErrorWriter().Write(w, r, refusal.answer)
	})
}

func TestPartialAcksAreGoneOnFrom(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.partial = 7
		r.rows(numbered(50)...)
		r.end(success)
		r.delivered(time.Minute)
		r.want(numbered(50)...)
	})
}

func TestAnOldServerClosesTheLogToo(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.old = true
		r.rows("a")
		r.pass(10 * time.Second) // all rows are acknowledged before the end
		r.end(success)
		r.delivered(time.Second)
		r.want("a", "") // it needs a new row
		if !r.server.isArchived() {
			t.Error("the log is not closed")
		}
	})
}

func TestRowsThatTheServerLostAreSentAgain(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.rows(numbered(30)...)
		r.pass(4 * time.Second)
		r.server.set(func() { r.server.rows = r.server.rows[:10] })
		r.rows("more")
		r.pass(10 * time.Second)
		r.want(append(numbered(30), "more")...)
		r.end(success)
		r.delivered(time.Second)
		if r.logged("the server has lost log rows") != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
	})
}

func TestLostRowsThatTheSpoolNoLongerHasAreFilledIn(t *testing.T) {
	run(t, nil, func(r *rig) {
		const early = 300 << 10
		r.handle.job.mu.Lock()
		r.handle.job.releaseAt = early // instead of some MiB
		r.handle.job.mu.Unlock()
		long := strings.Repeat("x", 10<<10)
		n := early/len(long) + 5
		for range n {
			r.rows(long)
		}
		r.handle.Wake()
		r.pass(10 * time.Second)
		if got := r.spool.LoadSent(); got.Rows != int64(n) || got.Offset < early {
			t.Fatalf("stored %d rows, offset %d", got.Rows, got.Offset)
		}
		if _, err := r.spool.Read(spool.Start, func(spool.Record) bool { return true }); err == nil {
			t.Fatal("the space was not released")
		}
		r.server.set(func() { r.server.rows = r.server.rows[:3] })
		r.rows("after")
		r.pass(10 * time.Second)
		got := r.server.contents()
		if len(got) != n+1 || got[2] != long || !strings.Contains(got[3], "lost rows") || got[4] != "" || got[n] != "after" {
			t.Errorf("%d rows, the last is %q", len(got), got[len(got)-1])
		}
		r.end(success)
		r.delivered(time.Second)
	})
}

func TestAServerThatNeverTakesRowsIsNotAskedAllTheTime(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.plan(func(string) fault {
			r.server.rows = nil // it forgets them at once
			return fault{}
		})
		r.rows("a")
		r.pass(5 * time.Second)
		r.rows("b")
		r.pass(10 * time.Minute)
		if got := len(r.times("UpdateLog")); got > 30 {
			t.Errorf("%d UpdateLog in ten minutes", got)
		}
	})
}

func TestAcksBeyondWhatWasSent(t *testing.T) {
	for name, tt := range map[string]struct {
		surplus int      // rows that only the server has
		more    []string // rows of ours after that
		want    []string // behind the server's own
	}{
		"a spool that lost its tail: the last row tells why": {3, []string{"why"}, []string{"why"}},
		"one row too many, perhaps our own closing row":      {2, []string{"a"}, nil},
		"as many as the server has already":                  {3, []string{"a", "b", "c"}, []string{""}},
		"more than the server has":                           {1, []string{"a", "b", "c"}, []string{"b", "c", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				r.rows(numbered(5)...)
				r.pass(4 * time.Second)
				want := numbered(5)
				r.server.set(func() {
					for range tt.surplus {
						r.server.rows = append(r.server.rows, textRow("theirs"))
						want = append(want, "theirs")
					}
				})
				for _, text := range tt.more {
					r.rows(text)
					r.pass(4 * time.Second)
				}
				r.end(success)
				r.delivered(time.Minute)
				r.want(append(want, tt.want...)...)
				if !r.server.isArchived() || r.server.last().Result != success {
					t.Error("not closed")
				}
			})
		})
	}
}

func TestTheClosingRowIsRepeatedAfterALostAnswerAndARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, server := spool.NewMemory(spool.Options{}), newFake()
		first := newRig(t, m, server, nil)
		first.rows("a")
		first.pass(4 * time.Second)
		server.plan(func(string) fault { return fault{after: true} })
		first.end(success)
		first.pass(time.Second)
		first.leave()
		server.plan(nil)
		second := newRig(t, m, server, func(j *Job) { j.Resumed = true })
		second.delivered(time.Second)
		second.want("a", "")
		second.close()
	})
}

func TestAnAckThatMakesNoSenseIsAnError(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.handle.job.mu.Lock()
		r.handle.job.logAnswered(batch{}, -3, time.Now())
		failing := r.handle.job.logs.failing
		r.handle.job.mu.Unlock()
		if failing.IsZero() {
			t.Error("it counts as a success")
		}
	})
}

// brokenSource damages or hides what another source has.
type brokenSource struct {
	spool.Source
	err error
}

func (b *brokenSource) Read(offset int64, visit func(spool.Record) bool) (int64, error) {
	if b.err != nil {
		return offset, b.err
	}
	var bad *spool.CorruptError
	next, err := b.Source.Read(offset, func(rec spool.Record) bool {
		if row, err := rec.Row(); rec.Kind == spool.KindRow && err == nil && row.Content == "damaged" {
			bad = &spool.CorruptError{Path: "spool", Offset: rec.Offset, Next: rec.Next, Kind: rec.Kind, Err: errors.New("wrong checksum")}
			return false
		}
		return visit(rec)
	})
	if bad != nil {
		return next, bad
	}
	return next, err
}

func TestADamagedRowIsReplaced(t *testing.T) {
	run(t, func(j *Job) { j.Source = &brokenSource{Source: j.Source} }, func(r *rig) {
		r.rows("a", "damaged", "b")
		r.end(success)
		r.delivered(time.Second)
		r.want("a", "##[error]This row could not be read from the runner's disk.", "b")
	})
}

func TestASpoolThatCannotBeReadIsToldOnceAndHeartbeatsGoOn(t *testing.T) {
	broken := &brokenSource{err: errors.New("input/output error")}
	run(t, func(j *Job) { broken.Source, j.Source = j.Source, broken }, func(r *rig) {
		r.rows("a")
		r.pass(time.Minute)
		if got := len(r.times("UpdateTask")); got < 10 {
			t.Errorf("%d heartbeats", got)
		}
		if r.logged("cannot be read") != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
		r.handle.job.mu.Lock()
		broken.err = nil
		r.handle.job.mu.Unlock()
		r.end(success)
		r.delivered(5 * time.Second)
		r.want("a")
	})
}

func TestAPanicIsLoggedAndTheJobGoesOn(t *testing.T) {
	run(t, func(j *Job) {
		told := false
		save := j.SaveSent
		j.SaveSent = func(sent spool.Sent) error {
			if !told {
				told = true
				panic("boom")
			}
			return save(sent)
		}
	}, func(r *rig) {
		r.rows("a")
		r.end(success)
		r.delivered(time.Minute)
		r.want("a")
		if r.logged("boom") != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
	})
}
