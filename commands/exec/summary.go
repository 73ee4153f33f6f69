package exec

import (
	"fmt"
	"strings"
	"time"
)

// failedMax keeps the table's lines short: a step without a name is called
// after its whole first line.
const failedMax = 60

// outcome is a row of the table at the end.
type outcome struct {
	workflow string
	job      string
	result   string
	took     time.Duration
	failed   string // the first step that failed
}

// summary prints the table and tells whether no job failed or was cancelled.
func (p *printer) summary(outcomes []outcome) bool {
	good := true
	width := len("job")
	for _, o := range outcomes {
		width = max(width, len([]rune(o.name(outcomes))))
		good = good && (o.result == "success" || o.result == "skipped")
	}
	if p.json {
		for _, o := range outcomes {
			p.record(record{Event: "summary", Workflow: o.workflow, Job: o.job, Step: o.failed, Result: o.result, Seconds: o.took.Seconds()})
		}
		return good
	}
	fmt.Fprintln(p.out)
	fmt.Fprintln(p.out, p.style(styleBold, fmt.Sprintf("%-*s  %-9s  %8s", width, "job", "result", "time")))
	for _, o := range outcomes {
		name := o.name(outcomes)
		pad := strings.Repeat(" ", width-len([]rune(name)))
		took := round(o.took)
		if o.result == "skipped" {
			took = "-"
		}
		line := fmt.Sprintf("%s%s  %s%s  %8s", name, pad, p.result(o.result), strings.Repeat(" ", max(0, 9-len(o.result))), took)
		if o.failed != "" {
			line += "  failed at: " + shorten(oneLine(o.failed), failedMax)
		}
		fmt.Fprintln(p.out, line)
	}
	return good
}

// name is the job, with its workflow where the table has several.
func (o outcome) name(all []outcome) string {
	if len(all) > 0 && all[0].workflow != all[len(all)-1].workflow {
		return oneLine(o.workflow + ": " + o.job)
	}
	return oneLine(o.job)
}
