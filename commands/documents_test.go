package commands

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"

	"multirunner/helpers/lograte"
)

const (
	metricsPage   = "../docs/metrics.md"
	rulesFile     = "../contrib/prometheus/runner.rules.yml"
	dashboardFile = "../contrib/grafana/runner.json"
)

// tables gives the tables of a page by their first heading, as rows of cells.
func tables(t *testing.T, page string) map[string][][]string {
	t.Helper()
	all := map[string][][]string{}
	var head string
	for line := range strings.Lines(content(t, page)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			head = ""
			continue
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		switch {
		case head == "":
			head = cells[0]
		case !strings.HasPrefix(cells[0], "---"):
			all[head] = append(all[head], cells)
		}
	}
	return all
}

var code = regexp.MustCompile("`([^`]+)`")

// codes gives what is set as code in a cell.
func codes(cell string) (words []string) {
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	slices.Sort(words)
	return words
}

func TestThePageOfMetricsHasTheTable(t *testing.T) {
	page := tables(t, metricsPage)
	documented := map[string]family{}
	for _, row := range page["family"] {
		name := codes(row[0])[0]
		if row[3] == "" {
			t.Errorf("%s has no meaning", name)
		}
		documented[name] = family{kind: row[1], labels: codes(row[2])}
	}
	for _, row := range page["histogram"] {
		name := codes(row[0])[0]
		f := documented[name]
		f.buckets = row[1]
		documented[name] = f
	}
	if diff := cmp.Diff(families, documented, cmp.AllowUnexported(family{})); diff != "" {
		t.Errorf("program -, page +:\n%s", diff)
	}

	values := map[string][]string{"runner": labelValues["runner"], "version": labelValues["version"]}
	for _, row := range page["label"] {
		label := codes(row[0])[0]
		values[label] = slices.Compact(slices.Sorted(slices.Values(append(values[label], codes(row[1])...))))
	}
	if diff := cmp.Diff(labelValues, values); diff != "" {
		t.Errorf("values of labels: program -, page +:\n%s", diff)
	}
	for _, row := range page["before its v1"] {
		before, since := codes(row[0])[0], codes(row[1])[0]
		name, ours := strings.CutPrefix(since, metricPrefix)
		if _, known := families[name]; !known || !ours || before != "act_runner_"+name {
			t.Errorf("%s → %s", before, since)
		}
	}
}

// logKeys are the documented keys of the log.
func logKeys(t *testing.T) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	for _, row := range tables(t, metricsPage)["key"] {
		for _, key := range codes(row[0]) {
			keys[key] = true
		}
	}
	return keys
}

func TestThePageOfMetricsHasEveryKeyOfTheLog(t *testing.T) {
	used := map[string]string{
		logrus.FieldKeyTime: "logrus", logrus.FieldKeyLevel: "logrus", logrus.FieldKeyMsg: "logrus", logrus.ErrorKey: "logrus",
		lograte.RepeatedKey: "lograte",
	}
	for _, room := range []string{".", "../network", "../executors", "../helpers", "../workflow"} {
		err := filepath.WalkDir(room, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return keysOf(path, used)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	documented := logKeys(t)
	for key, where := range used {
		if !documented[key] {
			t.Errorf("%s: the key %q of the log is not documented: use one that is, or add it to the last table of %s", where, key, metricsPage)
		}
	}
	for key := range documented {
		if used[key] == "" {
			t.Errorf("%s has the key %q, which nothing logs", metricsPage, key)
		}
	}
}

// keysOf adds the keys that a file gives to WithField, or puts in a Fields.
func keysOf(path string, used map[string]string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if key, err := strconv.Unquote(lit.Value); err == nil {
				used[key] = path
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "WithField" && len(n.Args) == 2 {
				add(n.Args[0])
			}
		case *ast.CompositeLit:
			sel, ok := n.Type.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Fields" {
				return true
			}
			for _, element := range n.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok {
					add(pair.Key)
				}
			}
		}
		return true
	})
	return nil
}

// alert is a rule of the file.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func readAlerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(content(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func TestThePageOfMetricsHasEveryAlert(t *testing.T) {
	documented := map[string]string{}
	for _, row := range tables(t, metricsPage)["alert"] {
		documented[codes(row[0])[0]] = row[1]
	}
	rules := map[string]string{}
	for _, rule := range readAlerts(t) {
		rules[rule.Alert] = rule.Labels["severity"]
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s says too little", rule.Alert)
		}
	}
	if diff := cmp.Diff(rules, documented); diff != "" {
		t.Errorf("rules -, page +:\n%s", diff)
	}
	tested := content(t, strings.Replace(rulesFile, ".yml", ".test.yml", 1))
	for name := range rules {
		if !strings.Contains(tested, "alertname: "+name+"\n") {
			t.Errorf("%s has no test", name)
		}
	}
}

func TestAlertsAskForWhatThereIs(t *testing.T) {
	for _, rule := range readAlerts(t) {
		checkQuery(t, rule.Alert, rule.Expr)
	}
}

func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	var dashboard any
	if err := json.Unmarshal([]byte(content(t, dashboardFile)), &dashboard); err != nil {
		t.Fatal(err)
	}
	queries := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(at+"."+strconv.Itoa(i), item)
			}
		case map[string]any:
			for key, item := range v {
				text, isText := item.(string)
				if isText && (key == "expr" || key == "query") && text != "prometheus" {
					queries++
					checkQuery(t, at, text)
				}
				walk(at+"."+key, item)
			}
		}
	}
	walk("dashboard", dashboard)
	if queries < 20 {
		t.Errorf("%d queries", queries)
	}
}

// queryWords are the words of queries that are not metrics.
var queryWords = []string{
	"sum", "max", "min", "avg", "count", "rate", "increase", "changes", "time", "histogram_quantile", "predict_linear", "avg_over_time",
	"min_over_time", "max_over_time", "and", "or", "unless", "bool", "label_values", "clamp_min",
}

// otherMetrics are those of Prometheus and of the process.
var otherMetrics = []string{"up", "process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "go_goroutines"}

// scrapeLabels are those that Prometheus adds, and of histograms.
var scrapeLabels = []string{"job", "instance", "le"}

var (
	queryQuoted   = regexp.MustCompile(`"[^"]*"`)
	queryVariable = regexp.MustCompile(`\$\{?[a-zA-Z_]+\}?`)
	queryRange    = regexp.MustCompile(`\[[^\]]*\]`)
	queryGrouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	querySelector = regexp.MustCompile(`([a-z_:]*)\{([^}]*)\}`)
	queryWord     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	queryNumber   = regexp.MustCompile(`\b[0-9.]+(?:e[0-9]+)?\b`)
)

// queryProblems holds a query against the table: metrics, and the labels that
// it selects and groups by.
func queryProblems(query string) (problems []string) {
	rest := queryQuoted.ReplaceAllString(query, `""`)
	rest = queryRange.ReplaceAllString(rest, "")
	for _, m := range querySelector.FindAllStringSubmatch(rest, -1) {
		labels := append(slices.Clone(scrapeLabels), families[baseName(m[1])].labels...)
		for _, label := range queryWord.FindAllString(m[2], -1) {
			if !slices.Contains(labels, label) {
				problems = append(problems, m[1]+" has no label "+label)
			}
		}
	}
	rest = querySelector.ReplaceAllString(rest, "$1")
	for _, m := range queryGrouping.FindAllStringSubmatch(rest, -1) {
		for _, label := range queryWord.FindAllString(m[1], -1) {
			if labelValues[label] == nil && !slices.Contains(scrapeLabels, label) {
				problems = append(problems, "no family has the label "+label)
			}
		}
	}
	rest = queryGrouping.ReplaceAllString(rest, "")
	rest = queryNumber.ReplaceAllString(queryVariable.ReplaceAllString(rest, ""), "")
	metrics := 0
	for _, word := range queryWord.FindAllString(rest, -1) {
		_, ours := families[baseName(word)]
		switch {
		case ours && strings.HasPrefix(word, metricPrefix), slices.Contains(otherMetrics, word):
			metrics++
		case slices.Contains(queryWords, word):
		case strings.HasPrefix(rest, "label_values(") && (labelValues[word] != nil || slices.Contains(scrapeLabels, word)):
		default:
			problems = append(problems, "nothing exports "+word)
		}
	}
	if metrics == 0 {
		problems = append(problems, "there is no metric in it")
	}
	return problems
}

func checkQuery(t *testing.T, at, query string) {
	t.Helper()
	for _, problem := range queryProblems(query) {
		t.Errorf("%s: %s: %s", at, problem, query)
	}
}

// baseName is the family of a series.
func baseName(series string) string {
	name := strings.TrimPrefix(series, metricPrefix)
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && families[base].kind == "histogram" {
			return base
		}
	}
	return name
}

func TestPagesNameFamiliesThatThereAre(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	name := regexp.MustCompile(metricPrefix + `[a-z][a-z_]*[a-z]`)
	for _, page := range pages {
		for _, series := range name.FindAllString(content(t, page), -1) {
			if _, known := families[baseName(series)]; !known {
				t.Errorf("%s names %s, which nothing exports", page, series)
			}
		}
	}
}

func TestWhatNothingExportsIsFoundInQueries(t *testing.T) {
	for query, fine := range map[string]bool{
		`sum by (runner) (rate(gitea_runner_job_total{status="failure", runner=~"$runner"}[5m])) > 3e9`:           true,
		`histogram_quantile(0.9, sum by (le) (rate(gitea_runner_job_duration_seconds_bucket[$__rate_interval])))`: true,
		`label_values(gitea_runner_info, instance)`:                                                               true,
		`gitea_runner_job_totals`:                  false,
		`job_total`:                                false,
		`gitea_runner_job_total{state="failure"}`:  false,
		`sum by (repository) (gitea_runner_slots)`: false,
		`gitea_runner_slots_bucket`:                false,
		`1 > 0`:                                    false,
	} {
		if problems := queryProblems(query); (len(problems) == 0) != fine {
			t.Errorf("%s: %q", query, problems)
		}
	}
}
