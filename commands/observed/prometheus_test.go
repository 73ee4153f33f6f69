//go:build real

package observed

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
)

// binary is the runner under test, built once.
var binary string

func TestMain(m *testing.M) { realrun.Main(m, &binary) }

const (
	rules     = "../../contrib/prometheus/runner.rules.yml"
	ruleTests = "../../contrib/prometheus/runner.rules.test.yml"
	example   = "../../contrib/prometheus/prometheus.yml"
	dashboard = "../../contrib/grafana/runner.json"
)

// tool finds a program of Debian's package prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%v: apt-get install prometheus", err)
	}
	return path
}

// prometheus is a Prometheus that scrapes one target.
type prometheus struct {
	t   *testing.T
	url string
}

const prometheusConfig = `global:
  scrape_interval: 250ms
  evaluation_interval: 1s
rule_files: [%q]
scrape_configs:
  - job_name: runner
    static_configs:
      - targets: [%q]
`

func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	ruleFile, err := filepath.Abs(rules)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, prometheusConfig, ruleFile, target), 0o600); err != nil {
		t.Fatal(err)
	}
	at := freeAddress(t)
	output := new(realrun.Buffer)
	cmd := exec.Command(tool(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("output of Prometheus:\n%s", output)
		}
	})
	p := &prometheus{t: t, url: "http://" + at}
	realrun.Eventually(t, 30*time.Second, "Prometheus is ready", func() bool {
		res, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// api asks the HTTP API and decodes what is in data.
func (p *prometheus) api(path string, into any) error {
	text, status := fetch(p.t, p.url+"/api/v1/"+path)
	answer := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %d %s", path, status, answer.Error)
	}
	return nil
}

// sample is one result of a query.
type sample struct {
	Metric map[string]string
	Value  [2]any // time and text
}

// query gives the samples of an instant query.
func (p *prometheus) query(expr string) ([]sample, error) {
	var data struct{ Result json.RawMessage }
	if err := p.api("query?query="+url.QueryEscape(expr), &data); err != nil {
		return nil, err
	}
	var samples []sample
	err := json.Unmarshal(data.Result, &samples)
	return samples, err
}

// value gives the only sample of a query as text, or "".
func (p *prometheus) value(expr string) string {
	p.t.Helper()
	samples, err := p.query(expr)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(samples) != 1 {
		return ""
	}
	return fmt.Sprint(samples[0].Value[1])
}

// becomes waits until a query has one sample with a value.
func (p *prometheus) becomes(expr, want string, within time.Duration) {
	p.t.Helper()
	realrun.Eventually(p.t, within, expr+" is "+want, func() bool { return p.value(expr) == want })
}

func fetch(t *testing.T, url string) (string, int) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), res.StatusCode
}
