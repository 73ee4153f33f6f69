package lograte

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs a test with a limited logger; lines gives what was written
// since the last call.
func inBubble(t *testing.T, test func(log *logrus.Logger, l *Limiter, lines func() []string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var mu sync.Mutex
		log := logrus.New()
		log.SetOutput(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return out.Write(p)
		}))
		log.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true, DisableColors: true})
		l := Install(log)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); l.Run(ctx) }()
		test(log, l, func() []string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			out.Reset()
			if lines[0] == "" {
				return nil
			}
			return lines
		})
		cancel()
		<-ended
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func want(t *testing.T, got []string, parts ...[]string) {
	t.Helper()
	if len(got) != len(parts) {
		t.Errorf("got %d lines, want %d:\n%s", len(got), len(parts), strings.Join(got, "\n"))
		return
	}
	for i, line := range got {
		for _, part := range parts[i] {
			if !strings.Contains(line, part) {
				t.Errorf("%q is not in %q", part, line)
			}
		}
	}
}

func TestTheFirstIsWrittenThenACountPerMinute(t *testing.T) {
	inBubble(t, func(log *logrus.Logger, _ *Limiter, lines func() []string) {
		for i := range 236 {
			log.WithField("task", 7).WithError(fmt.Errorf("try %d", i)).Error("Lock cannot be taken")
			time.Sleep(250 * time.Millisecond)
		}
		want(t, lines(), []string{"Lock cannot be taken", "task=7", "try 0"})
		time.Sleep(10 * time.Second)
		want(t, lines(), []string{"level=error", "Lock cannot be taken", "task=7", "try 235", "repeated=235"})
		time.Sleep(5 * time.Minute)
		want(t, lines())
		log.WithField("task", 7).Error("Lock cannot be taken")
		want(t, lines(), []string{"Lock cannot be taken"})
	})
}

func TestAStormIsOneLinePerMinute(t *testing.T) {
	inBubble(t, func(log *logrus.Logger, _ *Limiter, lines func() []string) {
		for range 600 {
			log.Warn("again")
			time.Sleep(time.Second)
		}
		if got := len(lines()); got < 9 || got > 11 {
			t.Errorf("%d lines in ten minutes", got)
		}
	})
}

func TestWhatIsOfAnotherKindIsWritten(t *testing.T) {
	inBubble(t, func(log *logrus.Logger, _ *Limiter, lines func() []string) {
		log.WithField("runner", "a").Warn("failed")
		log.WithField("runner", "b").Warn("failed")
		log.WithField("runner", "a").Error("failed")
		log.WithField("runner", "a").Warn("failed otherwise")
		want(t, lines(), []string{"runner=a"}, []string{"runner=b"}, []string{"level=error"}, []string{"otherwise"})
		for range 3 {
			log.Info("info")
			log.Debug("not at this level")
		}
		want(t, lines(), []string{"info"}, []string{"info"}, []string{"info"})
	})
}

func TestWhatIsLeftIsWrittenAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := logrus.New()
		log.SetOutput(&out)
		l := Install(log)
		log.Error("x")
		log.Error("x")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l.Run(ctx)
		if !strings.Contains(out.String(), "repeated=1") {
			t.Errorf("got %s", out.String())
		}
	})
}

func TestAnotherFormatterIsWrapped(t *testing.T) {
	inBubble(t, func(log *logrus.Logger, l *Limiter, lines func() []string) {
		log.Error("x")
		log.SetFormatter(&logrus.JSONFormatter{})
		l.Wrap()
		l.Wrap()
		log.Error("x")
		log.Error("y")
		want(t, lines(), []string{"msg=x"}, []string{`"msg":"y"`})
	})
}

func TestMemoryIsBounded(t *testing.T) {
	inBubble(t, func(log *logrus.Logger, l *Limiter, lines func() []string) {
		for i := range maxKinds + 50 {
			log.WithField("task", i).WithError(errors.New("x")).Error("failed")
		}
		kinds := func() int {
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.kinds)
		}
		if got := len(lines()); got != maxKinds+50 || kinds() != maxKinds {
			t.Errorf("%d lines, %d kinds", got, kinds())
		}
		time.Sleep(2 * time.Minute)
		if left := kinds(); left != 0 {
			t.Errorf("%d kinds are left", left)
		}
	})
}

func TestItMayBeUsedByMany(t *testing.T) {
	inBubble(t, func(log *logrus.Logger, _ *Limiter, lines func() []string) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					log.WithField("runner", "a").Error("same")
				}
			})
		}
		wg.Wait()
		time.Sleep(2 * time.Minute)
		want(t, lines(), []string{"same"}, []string{"repeated=799"})
	})
}
