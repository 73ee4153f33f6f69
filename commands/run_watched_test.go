package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multirunner/common"
	"multirunner/network/coordinator"
)

// family is what a scrape, or the documentation, says of a family.
type family struct {
	kind    string // gauge, counter, histogram
	labels  []string
	buckets string // "0.01, 0.025"
}

// families is the table of what `run` exports, without the prefix.
var families = map[string]family{
	"info":                                 {kind: "gauge", labels: []string{"version"}},
	"uptime_seconds":                       {kind: "gauge"},
	"capacity":                             {kind: "gauge"},
	"concurrent":                           {kind: "gauge"},
	"limit":                                {kind: "gauge", labels: []string{"runner"}},
	"slots":                                {kind: "gauge", labels: []string{"state"}},
	"job_running":                          {kind: "gauge", labels: []string{"runner"}},
	"job_capacity_utilization_ratio":       {kind: "gauge"},
	"job_total":                            {kind: "counter", labels: []string{"runner", "status"}},
	"job_duration_seconds":                 {kind: "histogram", labels: []string{"runner"}, buckets: "1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192"},
	"job_processes":                        {kind: "gauge", labels: []string{"kind"}},
	"job_processes_memory_bytes":           {kind: "gauge", labels: []string{"kind"}},
	"registrations":                        {kind: "gauge", labels: []string{"health"}},
	"poll_fetch_total":                     {kind: "counter", labels: []string{"result", "runner"}},
	"poll_fetch_duration_seconds":          {kind: "histogram", buckets: "0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10"},
	"poll_backoff_seconds":                 {kind: "gauge"},
	"client_errors_total":                  {kind: "counter", labels: []string{"method", "runner"}},
	"worker_feeds_total":                   {kind: "counter", labels: []string{"runner"}},
	"worker_processing_failures_total":     {kind: "counter", labels: []string{"reason"}},
	"permit_wait_seconds":                  {kind: "histogram", labels: []string{"runner"}, buckets: "0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60"},
	"oldest_wait_seconds":                  {kind: "gauge"},
	"polls_without_permit_total":           {kind: "counter"},
	"registrations_without_room":           {kind: "gauge"},
	"claims_lost_suspected_total":          {kind: "counter"},
	"tasks_duplicate_total":                {kind: "counter"},
	"panics_total":                         {kind: "counter"},
	"config_last_reload_successful":        {kind: "gauge"},
	"config_last_reload_timestamp_seconds": {kind: "gauge"},
	"report_log_total":                     {kind: "counter", labels: []string{"result"}},
	"report_state_total":                   {kind: "counter", labels: []string{"result"}},
	"report_upload_total":                  {kind: "counter", labels: []string{"result"}},
	"report_log_duration_seconds":          {kind: "histogram", buckets: "0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5"},
	"report_state_duration_seconds":        {kind: "histogram", buckets: "0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5"},
	"report_upload_duration_seconds":       {kind: "histogram", buckets: "0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5"},
	"jobs_dropped_total":                   {kind: "counter", labels: []string{"why"}},
	"report_log_buffer_rows":               {kind: "gauge"},
	"spool_bytes":                          {kind: "gauge"},
	"report_behind_seconds":                {kind: "gauge"},
	"state_disk_used_bytes":                {kind: "gauge", labels: []string{"directory"}},
	"state_disk_free_bytes":                {kind: "gauge"},
	"state_directory_usable":               {kind: "gauge"},
	"metrics_last_updated":                 {kind: "gauge", labels: []string{"collector"}},
}

// labelValues are the sets that values of labels come from; runner's are the
// names of the configuration.
var labelValues = map[string][]string{
	"runner": {"team-a", "team-b"}, "version": {"1.2.3"},
	"state": {"idle", "polling", "running"}, "status": {"cancelled", "failure", "skipped", "success"}, "kind": {"job", "step"},
	"health": {"failing", "misconfigured", "new", "spent", "unregistered", "well"},
	"result": {"empty", "error", "success", "task"}, "method": {"Declare", "FetchTask", "UpdateLog", "UpdateTask", "UploadSummary"},
	"reason": {"config", "executor", "no_room", "panic", "start", "state"}, "directory": {"actions", "builds", "jobs", "tools"},
	"why":       {"age", "refused", "task", "unregistered"},
	"collector": {"disk", "processes", "registrations", "reports", "state"},
}

const metricPrefix = "gitea_runner_"

var (
	typeLine   = regexp.MustCompile(`^# TYPE (\S+) (\S+)$`)
	sampleLine = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
)

// scrape is what /metrics said.
type scrape struct {
	families map[string]family
	values   map[string]map[string]bool // of each label
	samples  map[string]string          // line without its value → value
	others   map[string]bool            // names of series without the prefix
}

func parseMetrics(text string) scrape {
	s := scrape{map[string]family{}, map[string]map[string]bool{}, map[string]string{}, map[string]bool{}}
	var name string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := typeLine.FindStringSubmatch(line); m != nil {
			name = strings.TrimPrefix(m[1], metricPrefix)
			if name != m[1] {
				s.families[name] = family{kind: m[2]}
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if !strings.HasPrefix(m[1], metricPrefix) {
			s.others[m[1]] = true
			continue
		}
		s.samples[strings.TrimSuffix(line, " "+m[3])] = m[3]
		f := s.families[name]
		for _, pair := range labelPair.FindAllStringSubmatch(m[2], -1) {
			label, value := pair[1], pair[2]
			if label == "le" {
				if value != "+Inf" && !strings.Contains(", "+f.buckets+", ", ", "+value+", ") {
					f.buckets = strings.TrimPrefix(f.buckets+", "+value, ", ")
				}
				continue
			}
			if !slices.Contains(f.labels, label) {
				f.labels = append(f.labels, label)
				slices.Sort(f.labels)
			}
			if s.values[label] == nil {
				s.values[label] = map[string]bool{}
			}
			s.values[label][value] = true
		}
		s.families[name] = f
	}
	return s
}

// lockedBuffer is standard error of a verb that runs.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// idleProvider has room, and nothing behind it.
type idleProvider struct{ fakeProvider }

func (idleProvider) Acquire(context.Context, *common.RunnerConfig) (common.Reservation, error) {
	return reservation{}, nil
}

type reservation struct{}

func (reservation) Release() {}

// running is a `runner run` in this process.
type running struct {
	t      *testing.T
	stderr *lockedBuffer
	config string
	stop   func()
}

// startRun starts `run` over a configuration.
func startRun(t *testing.T, config string, args ...string) *running {
	t.Helper()
	r := &running{t: t, stderr: new(lockedBuffer), config: tomlFile(t, config)}
	env := newWorld(t).env
	env.Stderr = r.stderr
	env.Executors = func(ExecutorOptions) common.Providers {
		return common.Providers{"shell": idleProvider{fakeProvider{name: "shell", schemes: []string{"host"}}}}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	line := append([]string{"runner", "run", "-c", r.config, "--working-directory", filepath.Join(t.TempDir(), "state")}, args...)
	go func() { ended <- NewApp(env, RunCommand(env)).RunContext(ctx, line) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v\n%s", err, r.stderr)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *running) eventually(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			r.t.Fatalf("not in time: %s\n%s", what, r.stderr)
		}
		<-time.After(5 * time.Millisecond)
	}
}

var addressField = regexp.MustCompile(`"address":"([^"]+)"`)

// address is where metrics are served, the last time that this was logged.
func (r *running) address() string {
	r.t.Helper()
	var found [][]string
	r.eventually("metrics are served", func() bool {
		found = addressField.FindAllStringSubmatch(r.stderr.String(), -1)
		return len(found) > 0
	})
	return found[len(found)-1][1]
}

func (r *running) get(address, path string) (int, string) {
	r.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).Get("http://" + address + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// registrationBlock is a [[runners]] block for a server, which knows it.
func registrationBlock(server *instance, name string) string {
	row := server.AddRunner(coordinator.RunnerSpec{Name: name, Labels: []string{"linux"}})
	return fmt.Sprintf("[[runners]]\nname = %q\nurl = %q\nuuid = %q\ntoken = %q\nlabels = [\"linux:host\"]\n", name, server.url, row.UUID, row.Token)
}

const quickConfig = "concurrent = 4\ncheck_interval = \"50ms\"\nlisten_address = \"127.0.0.1:0\"\nlog_format = \"json\"\nlog_level = \"debug\"\n"

func TestRunExportsTheFamiliesOfTheTable(t *testing.T) {
	server := newInstance(t)
	r := startRun(t, quickConfig+registrationBlock(server, "team-a")+registrationBlock(server, "team-b"))
	address := r.address()
	var got scrape
	r.eventually("everything is collected, and both registrations are well", func() bool {
		_, text := r.get(address, "/metrics")
		got = parseMetrics(text)
		return got.samples[`gitea_runner_registrations{health="well"}`] == "2" &&
			got.families["state_disk_used_bytes"].labels != nil && got.families["job_processes"].labels != nil &&
			got.samples["gitea_runner_state_directory_usable"] == "1"
	})
	want := maps.Clone(families)
	if got.families["job_processes_memory_bytes"].labels == nil {
		delete(want, "job_processes_memory_bytes") // not on this system
		delete(got.families, "job_processes_memory_bytes")
	}
	if diff := cmp.Diff(want, got.families, cmp.AllowUnexported(family{})); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	for label, values := range got.values {
		for value := range values {
			if !slices.Contains(labelValues[label], value) {
				t.Errorf("label %s has the value %q", label, value)
			}
		}
	}
	for label, values := range labelValues {
		for _, value := range values {
			if !got.values[label][value] && label != "kind" {
				t.Errorf("no series has %s=%q from the start", label, value)
			}
		}
	}
	for _, name := range []string{"go_goroutines", "process_start_time_seconds"} {
		if !got.others[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if status, body := r.get(address, "/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := r.get(address, "/debug/runners"); status != 200 || !strings.Contains(body, `"name": "team-b"`) {
		t.Errorf("runners: %d %s", status, body)
	}
}

func TestAReloadThatFailsIsAReasonNotToBeReadyAndAnAddressMoves(t *testing.T) {
	server := newInstance(t)
	good := quickConfig + registrationBlock(server, "team-a")
	r := startRun(t, good)
	first := r.address()
	r.eventually("it is ready", func() bool { status, _ := r.get(first, "/readyz"); return status == 200 })
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := self.Signal(syscall.SIGHUP); err != nil {
			t.Log(err) // the change of the file is noticed
		}
	}
	write("concurrent = 0\n")
	var status int
	var body string
	r.eventually("it is not ready", func() bool { status, body = r.get(first, "/readyz"); return status != 200 })
	if !strings.Contains(body, "the configuration was not reloaded") || !strings.Contains(body, "concurrent") {
		t.Errorf("%d %s", status, body)
	}
	write(strings.Replace(good, "127.0.0.1:0", "localhost:0", 1))
	r.eventually("it listens elsewhere", func() bool { return r.address() != first })
	if status, body := r.get(r.address(), "/readyz"); status != 200 {
		t.Errorf("at the new address: %d %s", status, body)
	}
}

func TestEveryLineOfTheJSONLogHasDocumentedKeysOnly(t *testing.T) {
	server := newInstance(t)
	r := startRun(t, quickConfig+registrationBlock(server, "team-a")+"[[runners]]\nname = \"team-b\"\nurl = \"http://127.0.0.1:1\"\nuuid = \"u\"\ntoken = \"t\"\nlabels = [\"linux:host\"]\n")
	r.eventually("a poll has failed", func() bool { return strings.Contains(r.stderr.String(), `"error"`) })
	r.stop()
	known := logKeys(t)
	lines := bufio.NewScanner(strings.NewReader(r.stderr.String()))
	for lines.Scan() {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		for key := range line {
			if !known[key] {
				t.Errorf("%q is not documented: %s", key, lines.Text())
			}
		}
		for _, key := range []string{"time", "level", "msg"} {
			if line[key] == nil {
				t.Errorf("no %s in %s", key, lines.Text())
			}
		}
	}
}
