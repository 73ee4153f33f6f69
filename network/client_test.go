package network_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

func TestOneJobFromRegistrationToEnd(t *testing.T) {
	servers(t, coordinator.Options{Capabilities: []string{"job-summary"}}, func(t *testing.T, s *coordinator.Server, e *network.Endpoint) {
		ctx := t.Context()
		if err := e.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		token := s.AddRegistrationToken(coordinator.Scope{})
		registered, err := e.Register(ctx, network.RegisterRequest{
			Token: common.NewSecret(token), Name: "one", Version: strings.Repeat("v", 80), Labels: []string{"old"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if registered.Name != "one" || registered.ID != 1 || len(registered.UUID) != 36 || len(registered.Token.Reveal()) != 40 {
			t.Errorf("registered as %+v", registered)
		}
		client := e.Client(registered.UUID, registered.Token)
		declared, err := client.Declare(ctx, "v1", []string{"linux"})
		if err != nil || !declared.Supported || !declared.Has("job-summary") {
			t.Fatalf("declared %+v, %v", declared, err)
		}
		row := s.Runners()[0]
		if row.Version != "v1" || !slices.Equal(row.Labels, []string{"linux"}) || !slices.Equal(row.Capabilities, []string{"cancelling"}) {
			t.Errorf("the server knows %+v", row)
		}

		runID, jobID := s.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(payload)})
		answer, err := client.FetchTask(ctx, network.FetchRequest{Hold: 5 * time.Second, Patience: 15 * time.Second})
		if err != nil || len(answer.Tasks) != 1 || answer.Version == 0 {
			t.Fatalf("fetched %+v, %v", answer, err)
		}
		task := answer.Tasks[0]
		ack, err := client.UpdateLog(ctx, &runnerv1.UpdateLogRequest{
			TaskId: task.GetId(), NoMore: true,
			Rows: []*runnerv1.LogRow{{Time: timestamppb.Now(), Content: "hello"}},
		})
		if err != nil || ack.GetAckIndex() != 1 {
			t.Fatalf("ack %v, %v", ack, err)
		}
		fields := task.GetContext().AsMap()
		if err := client.UploadSummary(ctx, network.SummaryRequest{
			RuntimeToken: common.NewSecret(fields["gitea_runtime_token"].(string)),
			RunID:        fields["run_id"].(string), JobID: "1", Step: 1, Markdown: []byte("# done"),
		}); err != nil {
			t.Fatal(err)
		}
		res, err := client.UpdateTask(ctx, &runnerv1.UpdateTaskRequest{
			State:   &runnerv1.TaskState{Id: task.GetId(), Result: runnerv1.Result_RESULT_SUCCESS, StoppedAt: timestamppb.Now()},
			Outputs: map[string]string{"o": "1"},
		})
		if err != nil || !slices.Equal(res.GetSentOutputs(), []string{"o"}) {
			t.Fatalf("answer %v, %v", res, err)
		}
		run, err := s.Wait(ctx, runID)
		if err != nil || run.Status != coordinator.StatusSuccess || run.Jobs[0].ID != jobID {
			t.Errorf("run %+v, %v", run, err)
		}
		got, _ := s.Task(task.GetId())
		if string(got.Summaries[1]) != "# done" || !got.Archived {
			t.Errorf("task %+v", got)
		}
	})
}

func TestVerifyTellsALivingRegistrationFromADeadOne(t *testing.T) {
	servers(t, coordinator.Options{}, func(t *testing.T, s *coordinator.Server, e *network.Endpoint) {
		client := register(t, s, e, coordinator.RunnerSpec{Name: "a"})
		if err := client.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		wrongToken := e.Client(client.UUID(), common.NewSecret("wrong"))
		if err := wrongToken.Verify(t.Context()); network.Classify(err) != network.ClassUnregistered {
			t.Errorf("wrong token: %v", err)
		}
		if err := s.DeleteRunner(client.UUID()); err != nil {
			t.Fatal(err)
		}
		err := client.Verify(t.Context())
		if network.Classify(err) != network.ClassUnregistered || !strings.Contains(err.Error(), e.URL()) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestDeclareToAnOldServerIsUnsupportedNotAnError(t *testing.T) {
	servers(t, coordinator.Options{Legacy: coordinator.Legacy{NoDeclare: true}}, func(t *testing.T, s *coordinator.Server, e *network.Endpoint) {
		client := register(t, s, e, coordinator.RunnerSpec{Name: "a"})
		declared, err := client.Declare(t.Context(), "v", nil)
		if err != nil || declared.Supported {
			t.Errorf("declared %+v, %v", declared, err)
		}
	})
}

func TestDeclareTo404WithoutPingIsAnError(t *testing.T) {
	e := endpoint(t, "http://a", answering(404, "text/plain", "404 page not found"))
	_, err := e.Client("u", common.Secret{}).Declare(t.Context(), "v", nil)
	if network.Classify(err) != network.ClassUnimplemented {
		t.Errorf("got %v", err)
	}
}

func TestRequestsCarryWhatTheServerReads(t *testing.T) {
	var seen atomic.Pointer[http.Request]
	var body atomic.Value
	e := endpoint(t, "http://a/sub/", roundTripper(func(req *http.Request) (*http.Response, error) {
		seen.Store(req)
		data, _ := io.ReadAll(req.Body)
		body.Store(data)
		return answering(404, "text/plain", "")(req)
	}))
	client := e.Client("the-uuid", common.NewSecret("the-token"))
	calls := map[string]func(){
		"Declare":    func() { _, _ = client.Declare(t.Context(), "v", nil) },
		"FetchTask":  func() { _, _ = client.FetchTask(t.Context(), network.FetchRequest{Key: "k"}) },
		"UpdateTask": func() { _, _ = client.UpdateTask(t.Context(), &runnerv1.UpdateTaskRequest{}) },
		"UpdateLog":  func() { _, _ = client.UpdateLog(t.Context(), &runnerv1.UpdateLogRequest{}) },
	}
	for name, call := range calls {
		call()
		req := seen.Load()
		if name == "Declare" {
			continue // the last request was the ping that follows a 404
		}
		if want := "/sub/api/actions/runner.v1.RunnerService/" + name; req.URL.Path != want {
			t.Errorf("%s: path %s", name, req.URL.Path)
		}
		if req.Header.Get("x-runner-uuid") != "the-uuid" || req.Header.Get("x-runner-token") != "the-token" {
			t.Errorf("%s: not authenticated: %v", name, req.Header)
		}
		if got := req.Header.Get("User-Agent"); got != "multirunner" {
			t.Errorf("%s: User-Agent %q", name, got)
		}
		if got := req.Header.Get("x-runner-request-key"); (name == "FetchTask") != (got == "k") {
			t.Errorf("%s: request key %q", name, got)
		}
	}
	_, _ = e.Register(t.Context(), network.RegisterRequest{Token: common.NewSecret("r"), Name: "n"})
	if seen.Load().Header.Get("x-runner-token") != "" {
		t.Error("Register sends a runner's token")
	}

	rows := []*runnerv1.LogRow{{Content: strings.Repeat("the same words ", 1000)}}
	_, _ = client.UpdateLog(t.Context(), &runnerv1.UpdateLogRequest{Rows: rows})
	if got := seen.Load().Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("rows are sent with encoding %q", got)
	}
	plain, err := gzip.NewReader(bytes.NewReader(body.Load().([]byte)))
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(plain); !bytes.Contains(text, []byte(rows[0].Content)) {
		t.Error("the compressed body does not hold the row")
	}
}

func TestWrongServersAreNamedOnPingAndRegister(t *testing.T) {
	for name, test := range map[string]struct {
		answer roundTripper
		want   string
	}{
		"html page":  {answering(200, "text/html", "<html>"), "http://a is not a Gitea or Forgejo instance: it answers HTTP 200 OK with text/html"},
		"not found":  {answering(404, "text/html", "<html>"), "http://a is not a Gitea or Forgejo instance: nothing at http://a/api/actions"},
		"forbidden":  {answering(403, "text/plain", "go\naway"), "HTTP 403 Forbidden: go away"},
		"other json": {answering(401, "application/json", `{"message":"log in"}`), `HTTP 401 Unauthorized: {"message":"log in"}`},
	} {
		t.Run(name, func(t *testing.T) {
			e := endpoint(t, "http://a", test.answer)
			var wrong *network.WrongServerError
			err := e.Ping(t.Context())
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Ping: %v", err)
			}
			_, err = e.Register(t.Context(), network.RegisterRequest{Name: "n"})
			if !errors.As(err, &wrong) {
				t.Errorf("Register: %v", err)
			}
		})
	}
	for name, answer := range map[string]roundTripper{
		"gateway": answering(502, "text/html", "<html>"),
		"broken":  answering(500, "text/html", "<html>"),
	} {
		var wrong *network.WrongServerError
		if err := endpoint(t, "http://a", answer).Ping(t.Context()); err == nil || errors.As(err, &wrong) {
			t.Errorf("%s: %v: a failing server is not a wrong one", name, err)
		}
	}
}

func TestRedirectsAreNotFollowedAndTheTokenStaysHere(t *testing.T) {
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL+"/elsewhere", http.StatusTemporaryRedirect))
	defer first.Close()
	e := endpoint(t, first.URL, nil)
	_, err := e.Client("u", common.NewSecret("secret")).Declare(t.Context(), "v", nil)
	if err == nil || !strings.Contains(err.Error(), other.URL+"/elsewhere") {
		t.Errorf("error %v does not say where the redirect leads", err)
	}
	var wrong *network.WrongServerError
	if err := e.Ping(t.Context()); !errors.As(err, &wrong) {
		t.Errorf("Ping: %v", err)
	}
	if reached.Load() {
		t.Error("the redirect was followed")
	}
}

func TestErrorsNeverHoldTheToken(t *testing.T) {
	e := endpoint(t, "http://user:pass@a", roundTripper(func(req *http.Request) (*http.Response, error) {
		return nil, errors.New("no route to host")
	}))
	_, err := e.Client("u", common.NewSecret("s3cr3t")).Declare(t.Context(), "v", nil)
	if err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "pass") {
		t.Errorf("error: %v", err)
	}
}

func TestAnswersAreLimited(t *testing.T) {
	e := endpoint(t, "http://a", roundTripper(func(req *http.Request) (*http.Response, error) {
		endless := io.MultiReader(strings.NewReader("\x0a"), zeros{})
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/proto"}}, Body: io.NopCloser(endless), Request: req}, nil
	}))
	_, err := e.Client("u", common.Secret{}).UpdateTask(t.Context(), &runnerv1.UpdateTaskRequest{})
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestSummaryErrorsAreTheServersWords(t *testing.T) {
	servers(t, coordinator.Options{Capabilities: []string{"job-summary"}}, func(t *testing.T, s *coordinator.Server, e *network.Endpoint) {
		client := register(t, s, e, coordinator.RunnerSpec{Labels: []string{"linux"}})
		s.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(payload)})
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		token := common.NewSecret(answer.Tasks[0].GetContext().AsMap()["gitea_runtime_token"].(string))
		upload := func(step int, markdown string) error {
			return client.UploadSummary(t.Context(), network.SummaryRequest{
				RuntimeToken: token, RunID: "1", JobID: "1", Step: step, Markdown: []byte(markdown),
			})
		}
		if err := upload(7, "x"); network.Classify(err) != network.ClassPermanent || !strings.Contains(err.Error(), "step_index mismatch") {
			t.Errorf("wrong step: %v", err)
		}
		if err := upload(0, strings.Repeat("x", 2<<20)); network.Classify(err) != network.ClassPermanent {
			t.Errorf("too large: %v", err)
		}
		if err := s.Cancel(1); err != nil {
			t.Fatal(err)
		}
		if err := upload(0, "x"); network.Classify(err) != network.ClassPermanent {
			t.Errorf("cancelled: %v", err)
		}
	})
}
