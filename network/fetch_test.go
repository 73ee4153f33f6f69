package network_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// bubble is a server with one runner under a fake clock.
func bubble(t *testing.T, options coordinator.Options, test func(*testing.T, *coordinator.Server, *network.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := coordinator.New(options)
		defer s.Close()
		e := endpoint(t, s.URL(), s.Transport())
		test(t, s, register(t, s, e, coordinator.RunnerSpec{Labels: []string{"linux"}}))
	})
}

func TestAPollIsHeldForAsLongAsItAsks(t *testing.T) {
	for name, test := range map[string]struct{ serverHold, hold, min, max time.Duration }{
		"the server's hold is longer":  {50 * time.Second, 5 * time.Second, 4 * time.Second, 5 * time.Second},
		"the server's hold is shorter": {2 * time.Second, 5 * time.Second, 2 * time.Second, 2 * time.Second},
		"no hold is told":              {50 * time.Second, 0, 50 * time.Second, 50 * time.Second},
		"the server does not hold":     {0, 5 * time.Second, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, coordinator.Options{}, func(t *testing.T, s *coordinator.Server, client *network.Client) {
				s.Fault(coordinator.FetchTask, coordinator.Fault{Hold: test.serverHold})
				answer, err := client.FetchTask(t.Context(), network.FetchRequest{Hold: test.hold, Patience: time.Minute})
				if err != nil || len(answer.Tasks) != 0 || answer.Version != 1 {
					t.Fatalf("answer %+v, %v", answer, err)
				}
				if answer.Elapsed < test.min || answer.Elapsed > test.max {
					t.Errorf("it took %v", answer.Elapsed)
				}
			})
		})
	}
}

func TestAHeldPollEndsWithAJob(t *testing.T) {
	bubble(t, coordinator.Options{}, func(t *testing.T, s *coordinator.Server, client *network.Client) {
		s.Fault(coordinator.FetchTask, coordinator.Fault{Hold: 50 * time.Second})
		time.AfterFunc(7*time.Second, func() {
			s.Enqueue(coordinator.RawJob{Labels: []string{"other"}, Payload: []byte(payload)})
			s.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(payload)})
		})
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{Version: 1, Hold: 15 * time.Second, Patience: 25 * time.Second})
		if err != nil || len(answer.Tasks) != 1 || answer.Elapsed != 7*time.Second {
			t.Errorf("answer %+v, %v", answer, err)
		}
	})
}

func TestPatienceEndsAPollWithItsCause(t *testing.T) {
	bubble(t, coordinator.Options{}, func(t *testing.T, s *coordinator.Server, client *network.Client) {
		s.Fault(coordinator.FetchTask, coordinator.Fault{Hang: true})
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{Hold: 15 * time.Second, Patience: 25 * time.Second})
		if network.Classify(err) != network.ClassPatience || !errors.Is(err, network.ErrPatience) {
			t.Errorf("%v is %v", err, network.Classify(err))
		}
		if answer.Elapsed != 25*time.Second {
			t.Errorf("it took %v", answer.Elapsed)
		}
		if !network.RequestSent(err) {
			t.Error("the server may have acted on it")
		}
	})
}

func TestTheServersExpiryIsNoPatience(t *testing.T) {
	bubble(t, coordinator.Options{}, func(t *testing.T, s *coordinator.Server, client *network.Client) {
		s.Fault(coordinator.FetchTask, coordinator.Fault{Expire: true})
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{Hold: 15 * time.Second, Patience: 25 * time.Second})
		if network.Classify(err) != network.ClassExpired || answer.Elapsed != 15*time.Second {
			t.Errorf("after %v: %v is %v", answer.Elapsed, err, network.Classify(err))
		}
	})
}

func TestTheCallersEndIsNoPatience(t *testing.T) {
	bubble(t, coordinator.Options{}, func(t *testing.T, s *coordinator.Server, client *network.Client) {
		s.Fault(coordinator.FetchTask, coordinator.Fault{Hang: true})
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		_, err := client.FetchTask(ctx, network.FetchRequest{Patience: 25 * time.Second})
		if network.Classify(err) != network.ClassCanceled || !errors.Is(err, stop) {
			t.Errorf("%v is %v", err, network.Classify(err))
		}
	})
}

func TestTheHoldIsToldNotTheContextsDeadline(t *testing.T) {
	var told []string
	e := endpoint(t, "http://a", roundTripper(func(req *http.Request) (*http.Response, error) {
		told = append(told, req.Header.Get("Connect-Timeout-Ms"))
		return answering(404, "text/plain", "")(req)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	client := e.Client("u", common.NewSecret("t"))
	_, _ = client.FetchTask(ctx, network.FetchRequest{Hold: 15 * time.Second, Patience: 25 * time.Second})
	_, _ = client.FetchTask(ctx, network.FetchRequest{})
	if len(told) != 2 || told[0] != "15000" || told[1] != "" {
		t.Errorf("told %q", told)
	}
}

func TestAPollWaitsForASlowAnswer(t *testing.T) {
	bubble(t, coordinator.Options{}, func(t *testing.T, s *coordinator.Server, client *network.Client) {
		s.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(payload)})
		s.Fault(coordinator.FetchTask, coordinator.Fault{DelayAnswer: 20 * time.Second})
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{Hold: 15 * time.Second, Patience: 25 * time.Second})
		if err != nil || len(answer.Tasks) != 1 {
			t.Errorf("answer %+v, %v", answer, err)
		}
	})
}
