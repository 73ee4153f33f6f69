package engine

import (
	"strings"
	"time"

	"multirunner/workflow/command"
	"multirunner/workflow/matcher"
)

// maxMessage is the most characters of an annotation's message. GitHub also
// keeps only ten errors, warnings and notices of a step beside its log. Servers
// here keep annotations nowhere but in the log, and there nothing of them is lost:
// all have their rows, and what is behind a message that is cut follows without
// the mark (GitHub: ExecutionContext.cs).
const maxMessage = 4096

// cutMessage cuts a message that is masked: half a secret would not be masked
// any more.
func cutMessage(masked string) (message, rest string) {
	if len(masked) <= maxMessage {
		return masked, ""
	}
	count := 0
	for i := range masked {
		if count == maxMessage {
			return masked[:i], masked[i:]
		}
		count++
	}
	return masked, ""
}

// annotate logs a message of the job with its mark.
func (o *stepOutput) annotate(at time.Time, c command.Command) {
	message, rest := cutMessage(o.r.job.masker.Mask(c.Data))
	c.Data = message
	o.tagged(at, c.Name, c.Annotation())
	if rest == "" {
		return
	}
	for line := range strings.SplitSeq(rest, "\n") {
		o.r.job.rows.write(at, strings.TrimSuffix(line, "\r"))
	}
}

// plain logs a line that is no command. One in which a problem matcher finds a
// problem becomes an annotation.
func (o *stepOutput) plain(at time.Time, text string) {
	rows := o.r.job.rows
	found := o.r.job.matchers.Scan(text)
	for _, warning := range found.Warnings {
		rows.warn(warning)
	}
	if found.Issue == nil {
		rows.write(at, text)
		return
	}
	found.Issue.File, found.Issue.FromPath = o.path(found.Issue.File), o.path(found.Issue.FromPath)
	rows.write(at, "##["+string(found.Issue.Severity)+"]"+found.Issue.Row(o.r.job.paths()))
}

// paths are how the job's commands spell paths.
func (j *Job) paths() matcher.Paths {
	return matcher.Paths{Workspace: j.executor.Paths().Workspace, Windows: j.machine.windows()}
}
