package engine

import (
	"time"

	"multirunner/workflow/matcher"
)

// maxMessage is the most characters of an annotation's message that are shown.
// GitHub also keeps only ten errors, warnings and notices of a step beside its
// log; servers here keep none, and the log has them all there as here (GitHub:
// ExecutionContext.cs).
const maxMessage = 4096

// cutMessage cuts a message that is masked: half a secret would not be masked
// any more.
func cutMessage(masked string) string {
	if len(masked) <= maxMessage {
		return masked
	}
	count := 0
	for i := range masked {
		if count == maxMessage {
			return masked[:i]
		}
		count++
	}
	return masked
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
