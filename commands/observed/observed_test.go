//go:build real

package observed

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

var addressField = regexp.MustCompile(`msg="Serving metrics and status" address="([^"]+)"`)

// address is where a runner serves.
func address(t *testing.T, r *realrun.Runner) string {
	t.Helper()
	var found []string
	realrun.Eventually(t, 20*time.Second, "metrics are served", func() bool {
		found = addressField.FindStringSubmatch(r.Output.String())
		return found != nil
	})
	return found[1]
}

func TestPrometheusSeesWhatARunnerDoes(t *testing.T) {
	tool(t, "prometheus")
	g := realrun.NewGitea(t, coordinator.Options{})
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	realrun.WriteConfig(t, dir, 2, `listen_address = "127.0.0.1:0"`, g.Registration("team-a", ""), g.Registration("team-b", "limit = 1"))
	r := realrun.Run(t, binary, dir)
	at := address(t, r)
	p := startPrometheus(t, at)

	p.becomes(`up{job="runner"}`, "1", 20*time.Second)
	p.becomes(`sum(gitea_runner_registrations{health="well"})`, "2", 20*time.Second)
	p.becomes(`gitea_runner_limit{runner="team-b"}`, "1", 5*time.Second)
	p.becomes(`sum(gitea_runner_job_total)`, "0", 5*time.Second)
	if text, status := fetch(t, "http://"+at+"/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, text)
	}

	task := g.Picked(t, g.Start(t, realrun.Workflow("echo hello\nwhile [ ! -e "+gate+" ]; do sleep 0.1; done")), 20*time.Second)
	p.becomes(`sum(gitea_runner_job_running)`, "1", 20*time.Second)
	p.becomes(`gitea_runner_slots{state="running"}`, "1", 5*time.Second)
	p.becomes(`gitea_runner_job_capacity_utilization_ratio`, "0.5", 5*time.Second)
	p.becomes(`gitea_runner_job_processes{kind="job"}`, "1", 20*time.Second)
	p.becomes(`gitea_runner_job_processes{kind="step"} >= bool 1`, "1", 20*time.Second)
	p.becomes(`gitea_runner_job_processes_memory_bytes{kind="job"} > bool 1e6`, "1", 5*time.Second)
	realrun.Eventually(t, 10*time.Second, "the list of jobs has the job in its step", func() bool {
		text, _ := fetch(t, "http://"+at+"/debug/jobs/list")
		return strings.Contains(text, "state=running stage=step_1 executor_stage=shell_run")
	})

	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status := g.Ended(t, task, 20*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("the job has ended as %v", status)
	}
	p.becomes(`sum(gitea_runner_job_total{status="success"})`, "1", 20*time.Second)
	p.becomes(`sum(gitea_runner_job_duration_seconds_count)`, "1", 5*time.Second)
	p.becomes(`sum(gitea_runner_poll_fetch_total{result="task"})`, "1", 5*time.Second)
	p.becomes(`sum(gitea_runner_client_errors_total)`, "0", 5*time.Second)
	p.becomes(`gitea_runner_report_state_total{result="success"} > bool 0`, "1", 5*time.Second)
	p.becomes(`sum(gitea_runner_job_running)`, "0", 20*time.Second)
	p.becomes(`gitea_runner_report_log_buffer_rows`, "0", 20*time.Second)
	p.becomes(`max_over_time(scrape_duration_seconds{job="runner"}[5m]) < bool 2`, "1", 5*time.Second)
	p.becomes(`sum(gitea_runner_panics_total)`, "0", 5*time.Second)

	t.Run("alerts", func(t *testing.T) { checkAlerts(t, p) })
	t.Run("dashboard", func(t *testing.T) { checkDashboard(t, p) })
	t.Run("no secrets", func(t *testing.T) { checkSecrets(t, g, at, dir) })
	t.Run("promtool", func(t *testing.T) { checkMetrics(t, at) })
}

// checkAlerts looks whether Prometheus can evaluate the rules, and finds
// nothing wrong.
func checkAlerts(t *testing.T, p *prometheus) {
	var groups struct {
		Groups []struct {
			Rules []struct {
				Name, Health, LastError string
				Alerts                  []any
			}
		}
	}
	evaluated := func() bool {
		groups.Groups = nil
		if err := p.api("rules", &groups); err != nil {
			t.Fatal(err)
		}
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				if rule.Health == "unknown" {
					return false
				}
			}
		}
		return len(groups.Groups) > 0
	}
	realrun.Eventually(t, 10*time.Second, "all rules are evaluated", evaluated)
	n := 0
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			n++
			if rule.Health != "ok" || rule.LastError != "" || len(rule.Alerts) > 0 {
				t.Errorf("%+v", rule)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d rules", n)
	}
}

// variables are those of the dashboard, with a value for each.
var variables = strings.NewReplacer("$instance", ".*", "$runner", ".*", "$__rate_interval", "1m")

// checkDashboard asks every query of every panel: each must find something.
func checkDashboard(t *testing.T, p *prometheus) {
	data, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			n++
			if samples, err := p.query(variables.Replace(target.Expr)); err != nil || len(samples) == 0 {
				t.Errorf("%s: %d samples, %v: %s", panel.Title, len(samples), err, target.Expr)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d queries", n)
	}
}

// checkSecrets looks for what must not be in metrics.
func checkSecrets(t *testing.T, g *realrun.Gitea, at, dir string) {
	text, _ := fetch(t, "http://"+at+"/metrics")
	config, err := os.ReadFile(filepath.Join(dir, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{g.URL()}
	for _, m := range regexp.MustCompile(`(?m)^(?:token|uuid) = "(.+)"$`).FindAllStringSubmatch(string(config), -1) {
		secrets = append(secrets, m[1])
	}
	if len(secrets) != 5 {
		t.Fatalf("found %d in the configuration", len(secrets)-1)
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the metrics", secret)
		}
	}
}

// checkMetrics lets promtool judge a scrape.
func checkMetrics(t *testing.T, at string) {
	text, _ := fetch(t, "http://"+at+"/metrics")
	check := exec.Command(tool(t, "promtool"), "check", "metrics", "--extended")
	check.Stdin = strings.NewReader(text)
	out, err := check.CombinedOutput()
	if err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "gitea_runner_") && !regexp.MustCompile(`^\S+\s+\d+\s+[\d.]+%$`).MatchString(strings.TrimSpace(line)) {
			t.Error(line)
		}
	}
}

func TestRulesPass(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", ruleTests}, {"check", "config", example}} {
		out, err := exec.Command(tool(t, "promtool"), args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
