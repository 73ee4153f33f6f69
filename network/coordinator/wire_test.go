package coordinator_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"multirunner/network/coordinator"
)

// post sends JSON to a procedure, as curl would.
func post(t *testing.T, s *coordinator.Server, path, body string, header map[string]string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for key, value := range header {
		req.Header.Set(key, value)
	}
	client := &http.Client{Transport: s.Transport()}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer), res.Header
}

func TestTheWire(t *testing.T) {
	s := coordinator.New(coordinator.Options{URL: "http://h/sub/path/", Capabilities: []string{"job-summary"}})
	defer s.Close()
	row := s.AddRunner(coordinator.RunnerSpec{Name: "n", Capabilities: []string{"cancelling"}})
	own := map[string]string{"x-runner-uuid": row.UUID, "x-runner-token": row.Token}
	const service = "/api/actions/runner.v1.RunnerService/"
	for name, test := range map[string]struct {
		path, body string
		header     map[string]string
		status     int
		want       string
	}{
		"ping":              {"/api/actions/ping.v1.PingService/Ping", `{"data":"x"}`, nil, 200, `{"data":"Hello, x!"}`},
		"no such procedure": {service + "Missing", `{}`, own, 404, "404 page not found\n"},
		"no such service":   {"/api/actions/x.v1.X/Y", `{}`, own, 404, "404 page not found\n"},
		"unregistered":      {service + "FetchTask", `{}`, nil, 500, `{"code":"unknown","message":"rpc error: code = Unauthenticated desc = unregistered runner"}`},
		"idle":              {service + "FetchTask", `{}`, own, 200, `{"tasksVersion":"1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, _ := post(t, s, test.path, test.body, test.header)
			if status != test.status || body != test.want {
				t.Errorf("got %d %q", status, body)
			}
		})
	}

	_, body, header := post(t, s, service+"Declare", `{"version":"v","labels":["a"]}`, own)
	if header.Get("X-Gitea-Actions-Capabilities") != "job-summary" || strings.Contains(body, row.Token) {
		t.Errorf("Declare: %q, %v", body, header)
	}
	if got := s.Runners()[0].Capabilities; len(got) != 0 {
		t.Errorf("declaring without the capability left %v", got)
	}
}

func TestNothingAnswersBesideTheSubPath(t *testing.T) {
	s := coordinator.New(coordinator.Options{URL: "http://h/sub"})
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://h/api/actions/ping.v1.PingService/Ping", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", res.StatusCode)
	}
}
