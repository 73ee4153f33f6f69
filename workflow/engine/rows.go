package engine

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/mask"
)

// maxRow is the most bytes of a row that a server keeps.
const maxRow = 64 << 10

// rowLog is the one way into the job's log: it masks, repairs and splits what
// it is given. Safe for concurrent use.
type rowLog struct {
	trace  common.Trace
	masker *mask.Masker
	log    logrus.FieldLogger

	mu     sync.Mutex
	limit  int64 // bytes of output that are kept, 0 for all
	output int64 // bytes of output so far
	full   bool  // limit was reached, and a row says so
	closed bool  // the job has ended
	failed bool  // a row could not be kept, and the operator knows
}

// say appends rows of the runner's own, one for each line of text.
func (l *rowLog) say(text string) {
	masked := l.masker.Mask(text)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.SplitSeq(masked, "\n") {
		l.split(now, strings.TrimSuffix(line, "\r"))
	}
}

// progress appends a line of the executor's, which no limit holds back.
func (l *rowLog) progress(at time.Time, line string) {
	masked := l.masker.Mask(line)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.split(at, masked)
}

// fault appends an error row.
func (l *rowLog) fault(text string) { l.tagged("##[error]", text) }

// warn appends a warning row.
func (l *rowLog) warn(text string) { l.tagged("##[warning]", text) }

// tagged puts a tag before each line of text, so that every row of it is shown
// as what it is.
func (l *rowLog) tagged(tag, text string) {
	l.say(tag + strings.ReplaceAll(text, "\n", "\n"+tag))
}

// write appends one line of a process's output, which is not masked yet.
func (l *rowLog) write(at time.Time, line string) { l.keep(at, l.masker.Mask(line)) }

// keep appends one line of output that is masked, until the job's limit is
// reached.
func (l *rowLog) keep(at time.Time, masked string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return
	}
	l.output += int64(len(masked)) + 1
	if l.limit > 0 && l.output > l.limit {
		l.full = true
		l.split(time.Now(), "##[warning]The job has written more than its output limit of "+sizeText(l.limit)+
			" (output_limit of this runner): what it writes from here on is dropped")
		return
	}
	l.split(at, masked)
}

// split appends a line in rows that a server keeps whole. l.mu is held.
func (l *rowLog) split(at time.Time, masked string) {
	if !utf8.ValidString(masked) {
		masked = strings.ToValidUTF8(masked, "\uFFFD")
	}
	for len(masked) > maxRow {
		cut := maxRow
		for !utf8.RuneStart(masked[cut]) {
			cut--
		}
		l.append(at, masked[:cut])
		masked = masked[cut:]
	}
	l.append(at, masked)
}

func (l *rowLog) append(at time.Time, row string) {
	if l.closed {
		return
	}
	if err := l.trace.Row(at, row); err != nil && !l.failed {
		l.failed = true
		l.log.WithError(err).Error("A log row could not be kept, the job goes on")
	}
}

// close drops what comes from here on: nothing may follow the job's end.
func (l *rowLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// sizeText spells a number of bytes for people.
func sizeText(n int64) string {
	text := common.Size(n).String()
	if last := text[len(text)-1]; last >= '0' && last <= '9' {
		text += " bytes"
	}
	return text
}
