package exec

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"multirunner/helpers/ansi"
)

// printer shows a run as it happens: lines for people, or JSON lines. It is
// used by one goroutine.
type printer struct {
	out    io.Writer
	colour bool
	json   bool
	width  int // of the prefix column, grown as needed
	now    func() time.Time
}

// outlet is the standard output. Once a write has failed nobody reads any more.
type outlet struct {
	io.Writer
	failed chan struct{} // closed then
	once   sync.Once
}

func newOutlet(out io.Writer) *outlet {
	return &outlet{Writer: out, failed: make(chan struct{})}
}

func (o *outlet) Write(data []byte) (int, error) {
	n, err := o.Writer.Write(data)
	if err != nil {
		o.once.Do(func() { close(o.failed) })
	}
	return n, err
}

// record is a JSON line of --json.
type record struct {
	Time     time.Time `json:"time"`
	Event    string    `json:"event"` // note, job, step, row, done, summary
	Workflow string    `json:"workflow,omitempty"`
	Job      string    `json:"job,omitempty"`
	Step     string    `json:"step,omitempty"`
	Text     string    `json:"text,omitempty"`
	Result   string    `json:"result,omitempty"` // success, failure, cancelled, skipped
	Seconds  float64   `json:"seconds,omitempty"`
}

const (
	styleReset  = "\x1b[0m"
	styleBold   = "\x1b[1m"
	styleDim    = "\x1b[2m"
	styleRed    = "\x1b[31m"
	styleGreen  = "\x1b[32m"
	styleYellow = "\x1b[33m"
	styleBlue   = "\x1b[34m"
	styleCyan   = "\x1b[36m"
)

// prefixMax keeps the prefix of long job names from pushing the text away.
const prefixMax = 40

func (p *printer) style(style, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return style + text + styleReset
}

// note tells something about the run as a whole.
func (p *printer) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.json {
		p.record(record{Event: "note", Text: text})
		return
	}
	fmt.Fprintln(p.out, p.style(styleDim, "# "+text))
}

// jobStarted tells that a runner has the job.
func (p *printer) jobStarted(workflow, job, runner string) {
	if p.json {
		p.record(record{Event: "job", Workflow: workflow, Job: job, Text: runner})
		return
	}
	p.line(job, "", p.style(styleBold, "started on "+runner))
}

// stepStarted tells that a step runs.
func (p *printer) stepStarted(workflow, job, step string) {
	if p.json {
		p.record(record{Event: "step", Workflow: workflow, Job: job, Step: step})
	}
}

// row shows a log row.
func (p *printer) row(workflow, job, step string, at time.Time, text string) {
	if p.json {
		p.record(record{Time: at, Event: "row", Workflow: workflow, Job: job, Step: step, Text: text})
		return
	}
	if shown, ok := p.render(text); ok {
		p.line(job, step, shown)
	}
}

// jobDone tells a job's result.
func (p *printer) jobDone(workflow, job, result string, took time.Duration) {
	if p.json {
		p.record(record{Event: "done", Workflow: workflow, Job: job, Result: result, Seconds: took.Seconds()})
		return
	}
	text := p.result(result)
	if took > 0 {
		text += " after " + round(took)
	}
	p.line(job, "", text)
}

func (p *printer) record(r record) {
	if r.Time.IsZero() {
		r.Time = p.now()
	}
	if data, err := json.Marshal(r); err == nil {
		fmt.Fprintf(p.out, "%s\n", data)
	}
}

// line writes text behind the job and step that it belongs to.
func (p *printer) line(job, step, text string) {
	prefix := job
	if step != "" {
		prefix += " · " + step
	}
	prefix = oneLine(prefix)
	prefix = shorten(prefix, prefixMax)
	length := len([]rune(prefix))
	p.width = max(p.width, length)
	fmt.Fprintf(p.out, "%s%s %s %s\n", p.style(styleCyan, prefix), strings.Repeat(" ", p.width-length), p.style(styleDim, "|"), text)
}

// oneLine makes a name fit into a line: what controls a terminal is a space.
func oneLine(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, ansi.Strip(name))
}

// shorten cuts a text to so many characters.
func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// rendered are the row prefixes that the server's log viewer draws.
var rendered = []struct{ prefix, label, style string }{
	{"##[group]", "▸ ", styleBold},
	{"::group::", "▸ ", styleBold},
	{"##[error]", "Error: ", styleRed},
	{"::error::", "Error: ", styleRed},
	{"##[warning]", "Warning: ", styleYellow},
	{"::warning::", "Warning: ", styleYellow},
	{"##[notice]", "Notice: ", styleBlue},
	{"::notice::", "Notice: ", styleBlue},
	{"##[debug]", "Debug: ", styleDim},
	{"::debug::", "Debug: ", styleDim},
	{"##[command]", "", styleBlue},
	{"[command]", "", styleBlue},
}

// render gives a row as the server's viewer would show it; ok is false for
// rows that it hides.
func (p *printer) render(text string) (shown string, ok bool) {
	switch {
	case strings.HasPrefix(text, "##[endgroup]"), strings.HasPrefix(text, "::endgroup::"),
		strings.HasPrefix(text, "::add-matcher"), strings.HasPrefix(text, "##[add-matcher"), strings.HasPrefix(text, "::remove-matcher"):
		return "", false
	}
	if !p.colour {
		text = ansi.Strip(text)
	}
	for _, r := range rendered {
		if rest, found := strings.CutPrefix(text, r.prefix); found {
			return p.style(r.style, r.label+rest), true
		}
	}
	return text, true
}

func (p *printer) result(result string) string {
	switch result {
	case "success":
		return p.style(styleGreen, result)
	case "skipped":
		return p.style(styleDim, result)
	case "cancelled":
		return p.style(styleYellow, result)
	}
	return p.style(styleRed, result)
}

func round(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
