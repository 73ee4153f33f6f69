//go:build bench && linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// documented is the page that keeps the tables, between two comments.
const (
	documented = "../../docs/performance.md"
	opening    = "<!-- make bench writes from here -->\n"
	closing    = "<!-- to here -->\n"
)

// TestFigures measures everything and prints it. With BENCH_WRITE set the page
// of the documentation gets it too.
func TestFigures(t *testing.T) {
	bin := build(t)
	var text strings.Builder
	fmt.Fprintf(&text, "Measured %s on %s.\n", time.Now().Format("2006-01-02"), machine())
	for _, part := range []struct {
		name    string
		measure func(*testing.T, string) table
	}{
		{"idle", idleTable},
		{"running", runningTable},
		{"memory", memoryTable},
		{"steps", stepsTable},
		{"costs", costsTable},
	} {
		t.Run(part.name, func(t *testing.T) {
			started := time.Now()
			text.WriteString("\n" + part.measure(t, bin).String())
			t.Logf("took %s", time.Since(started).Round(time.Second))
		})
	}
	fmt.Print("\n" + text.String() + "\n")
	if os.Getenv("BENCH_WRITE") != "" && !t.Failed() {
		keep(t, text.String())
	}
}

// build makes the binary as `make build` does.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "runner")
	cmd := exec.Command("make", "-s", "-C", "../..", "build", "BINARY="+bin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the runner does not build: %v\n%s", err, out)
	}
	return bin
}

// keep puts the tables into the page.
func keep(t *testing.T, text string) {
	t.Helper()
	page, err := os.ReadFile(documented)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), opening)
	_, after, closed := strings.Cut(rest, closing)
	if !ok || !closed {
		t.Fatalf("%s has no place for the tables", documented)
	}
	if err := os.WriteFile(documented, []byte(before+opening+text+closing+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// machine names what was measured on.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	busy, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d × %s, Linux %s, %s, load average %s when it began",
		runtime.NumCPU(), model, strings.TrimSpace(string(release)), runtime.Version(), busy)
}

// table is a table in Markdown, with a line of explanation.
type table struct {
	title string
	note  string
	head  []string
	rows  [][]string
}

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = fmt.Sprint(cell)
	}
	t.rows = append(t.rows, row)
}

func (t table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n", t.title, t.note)
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.head)
	line(append([]string{"---"}, repeated("--:", len(t.head)-1)...))
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}
