package coordinator_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"multirunner/network/coordinator"
)

func TestSummaries(t *testing.T) {
	b := newBench(t, coordinator.Options{Capabilities: []string{"job-summary"}})
	r := b.capable()
	b.enqueue()
	task := r.mustFetch()
	token := "Bearer " + task.GetContext().AsMap()["gitea_runtime_token"].(string)
	const markdown, large = "text/markdown", 700 << 10
	for i, step := range []struct {
		path, kind, auth, body string
		status                 int
		want                   string
	}{
		{"1/jobs/1/steps/0", markdown, "", "x", 401, "authorization"},
		{"1/jobs/1/steps/0", markdown, "Bearer a.b.c", "x", 500, "Error runner api getting task"},
		{"2/jobs/1/steps/0", markdown, token, "x", 400, "run-id does not match"},
		{"1/jobs/2/steps/0", markdown, token, "x", 400, "job_id mismatch"},
		{"1/jobs/1/steps/2", markdown, token, "x", 400, "step_index mismatch"},
		{"1/jobs/1/steps/-1", markdown, token, "x", 400, "step_index mismatch"},
		{"1/jobs/1/steps/0", "text/html", token, "x", 400, "invalid summary content type"},
		{"1/jobs/1/steps/0", markdown, token, strings.Repeat("x", 1<<20+1), 400, "invalid summary"},
		{"1/jobs/1/steps/0", "", token, strings.Repeat("x", large), 200, `"sizeBytes":716800`},
		{"1/jobs/1/steps/1", markdown, token, strings.Repeat("x", large), 400, "job summary aggregate size exceeded"},
		{"1/jobs/1/steps/0", markdown, token, "", 200, `"sizeBytes":0`}, // cleared
		{"1/jobs/1/steps/1", "application/octet-stream", token, "# one", 200, "success"},
	} {
		status, body := put(t, b.Server, step.path, step.kind, step.auth, step.body)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("request %d: %d %s", i, status, body)
		}
	}
	if got := b.task(1).Summaries; len(got) != 1 || string(got[1]) != "# one" {
		t.Errorf("summaries %v", got)
	}
	if err := b.Cancel(1); err != nil {
		t.Fatal(err)
	}
	if status, body := put(t, b.Server, "1/jobs/1/steps/1", markdown, token, "x"); status != 500 || !strings.Contains(body, "task is not running") {
		t.Errorf("cancelling: %d %s", status, body)
	}

	plain := newBench(t, coordinator.Options{})
	if status, _ := put(t, plain.Server, "1/jobs/1/steps/0", markdown, token, "x"); status != 404 {
		t.Errorf("without the capability: %d", status)
	}
}

func put(t *testing.T, s *coordinator.Server, path, kind, auth, body string) (int, string) {
	t.Helper()
	url := s.URL() + "/api/actions_pipeline/_apis/pipelines/workflows/" + path + "/summary"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"Content-Type": kind, "Authorization": auth} {
		if value != "" {
			req.Header.Set(key, value)
		}
	}
	res, err := s.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}
