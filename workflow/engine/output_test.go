package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLines(t *testing.T) {
	tests := []struct {
		claim, script string
		want          []string
	}{
		{"pieces make a line", `raw "a"; raw "b\n"`, []string{"ab"}},
		{"a last line without an end counts", `raw "a\nb"`, []string{"a", "b"}},
		{"empty lines are rows", `raw "\n\na\n"`, []string{"", "", "a"}},
		{"a carriage return before the end belongs to it", `raw "a\r\nb\rc\r\n"`, []string{"a", "b\rc"}},
		{"bytes that are no text are replaced", `raw "a\xffb\n"`, []string{"a\uFFFDb"}},
		{"a command may come in pieces", `raw "::err"; raw "or::x\n"`, []string{"##[error]x"}},
		{"a command without an end of line is one", `raw "::error::x"`, []string{"##[error]x"}},
		{"a secret may come in pieces", `raw "a s3cr3t"; raw "-value b\n"`, []string{"a *** b"}},
		{"streams do not mix within a line", `raw "a"; err b; raw "c\n"`, []string{"b", "ac"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := runPayload(t, steps("- run: |\n    "+strings.ReplaceAll(test.script, "; ", "\n    ")))
			b.wantRows(0, test.want...)
		})
	}
}

func TestRowsAreStampedWhenTheirFirstByteIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, steps(`
			- run: |
			    raw "a"
			    sleep 3s
			    raw "b\nc\n"
		`))
		start := time.Now()
		b.run()
		end := b.trace.end.GetSteps()[0]
		from := end.GetLogIndex() + end.GetLogLength() - 2
		for i, want := range []time.Duration{0, 3 * time.Second} {
			if got := b.trace.times[from+int64(i)].Sub(start); got != want {
				t.Errorf("row %d is stamped after %v, want %v", i, got, want)
			}
		}
	})
}

func TestLongLinesBecomeRowsOfAtMost64KiB(t *testing.T) {
	// "ä" has two bytes, and the first row would end within one.
	b := newBench(t, steps("- run: out x"))
	b.build()
	out := newStepOutput(newStepRun(b.job, &phase{step: newStep(nil, b.job.frame, -1, "x", nil)})).stream()
	line := "x" + strings.Repeat("ä", 100_000)
	out.Write([]byte(line + "\n"))
	if got := strings.Join(b.trace.rows, ""); got != line {
		t.Error("the rows are not the line")
	}
	for i, row := range b.trace.rows {
		if len(row) > 64<<10 || i < len(b.trace.rows)-1 && len(row) < 64<<10-3 {
			t.Errorf("row %d has %d bytes", i, len(row))
		}
		if strings.ToValidUTF8(row, "") != row {
			t.Errorf("row %d splits a character", i)
		}
	}
}

// looseOutput gives a stream of a step that does not run.
func looseOutput(t *testing.T) (*bench, *stepOutput) {
	b := newBench(t, steps("- run: out x"))
	b.build()
	b.masker.Add("s3cr3t-value")
	return b, newStepOutput(newStepRun(b.job, &phase{step: newStep(nil, b.job.frame, -1, "x", nil)}))
}

func TestALineOfManyMegabytesIsLoggedWhileItGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, o := looseOutput(t)
		out := o.stream()
		chunk := []byte(strings.Repeat("0123456789abcdef", 2<<10))
		for range 40 {
			out.Write(chunk)
		}
		if rows := len(b.trace.rows); rows < 16 {
			t.Errorf("after %d bytes there are %d rows", 40*len(chunk), rows)
		}
		out.Write([]byte("s3cr3t"))
		out.Write([]byte("-value\r\nnext\n"))
		all := strings.Join(b.trace.rows, "")
		if want := strings.Repeat(string(chunk), 40) + "***next"; all != want {
			t.Errorf("the rows end with %q, want %q", all[len(all)-20:], want[len(want)-20:])
		}
		if last := b.trace.rows[len(b.trace.rows)-1]; last != "next" {
			t.Errorf("the last row is %q", last)
		}
	})
}

func TestWhatMaskingHoldsBackIsShownAfterQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, o := looseOutput(t)
		out := o.stream()
		out.Write([]byte(strings.Repeat("x", maxLine+1)))
		out.Write([]byte("s3cr3t"))
		before := strings.Join(b.trace.all(), "")
		time.Sleep(quiet + time.Millisecond)
		synctest.Wait()
		after := strings.Join(b.trace.all(), "")
		if strings.HasSuffix(before, "s3cr3t") || !strings.HasSuffix(after, "s3cr3t") {
			t.Errorf("before: …%s, after: …%s", before[len(before)-8:], after[len(after)-8:])
		}
		out.flush()
	})
}

func TestACommandOfManyMegabytesIsNeitherObeyedNorShown(t *testing.T) {
	b, o := looseOutput(t)
	out := o.stream()
	out.Write([]byte("::add-mask::" + strings.Repeat("k", maxLine)))
	out.Write([]byte("kkk\nnext\n"))
	if len(b.trace.rows) != 2 || !strings.Contains(b.trace.rows[0], "add-mask") || strings.Contains(b.trace.rows[0], "kkk") || b.trace.rows[1] != "next" {
		t.Errorf("rows: %.300q", b.trace.rows)
	}
	if !o.hasFailed() {
		t.Error("the step does not fail")
	}
	o.scanner.Stop("token-12345")
	out.Write([]byte("::add-mask::" + strings.Repeat("k", maxLine) + "\n"))
	if got := len(b.trace.rows); got < 18 {
		t.Errorf("while commands are stopped the line is output: %d rows", got)
	}
}

func TestALongMessageIsShownAndFailsNothing(t *testing.T) {
	for _, test := range []struct {
		start string
		debug bool
		rows  int // at least; 0 for none
	}{{"::error file=a.go::", false, 17}, {"::group::", false, 17}, {"::debug::", true, 17}, {"::debug::", false, 0}} {
		b, o := looseOutput(t)
		b.job.debug = test.debug
		out := o.stream()
		out.Write([]byte(test.start + strings.Repeat("m", maxLine)))
		out.Write([]byte("s3cr3t-value\n"))
		all := strings.Join(b.trace.rows, "")
		if len(b.trace.rows) < test.rows || test.rows == 0 && all != "" {
			t.Errorf("%s, debug %t: %d rows", test.start, test.debug, len(b.trace.rows))
		}
		if !strings.HasPrefix(all, test.start) && test.rows > 0 || strings.Contains(all, "s3cr3t") {
			t.Errorf("%s, debug %t: %.100q", test.start, test.debug, all)
		}
		if o.hasFailed() {
			t.Errorf("%s, debug %t: the step fails", test.start, test.debug)
		}
	}
}

func TestOutputLimit(t *testing.T) {
	b := newBench(t, steps(`
		- id: s
		  run: |
		    out 0123456789
		    out 0123456789
		    out 0123456789
		    out ::set-output name=a::1
		    out ::add-mask::hide-me
		    out ::error::also output
		    exit 1
		- if: always()
		  run: out ${{ steps.s.outputs.a }}
		- if: always()
		  name: of ${{ steps.s.outputs.a }} hide-me
		  run: out x
	`))
	b.spec.OutputLimit = 25
	b.run()
	b.wantRows(0, "0123456789", "0123456789",
		"##[warning]The job has written more than its output limit of 25 bytes (output_limit of this runner): what it writes from here on is dropped",
		"##[error]Process completed with exit code 1.")
	b.wantRows(1)
	b.wantResults("failure success success")
	b.wantNoRow("##[error]also output")
	if got := strings.Count(b.text(), "output limit"); got != 1 {
		t.Errorf("%d rows tell of the limit", got)
	}
}

func TestLateOutputGoesToWhicheverStepRuns(t *testing.T) {
	b := runPayload(t, steps(`
		- run: |
		    out server started
		    late request s3cr3t-value
		    late ::set-output name=a::1
		    late ::add-mask::never-shown
		- if: false
		  run: out x
		- id: s
		  run: |
		    out hello
		    late at the end
	`))
	b.wantRows(0, "server started")
	b.wantRows(2, "request ***", "::set-output name=a::1", "::add-mask::***", "hello")
	rows := b.trace.rows
	last := b.trace.end.GetSteps()[2]
	complete := rows[last.GetLogIndex()+last.GetLogLength():]
	if len(complete) != 2 || complete[0] != "at the end" || complete[1] != "Job result: success" {
		t.Errorf("Complete job has the rows %q", complete)
	}
	if strings.Contains(strings.Join(rows[last.GetLogIndex():], "\n"), "never-shown") {
		t.Error("a value that was to be masked is shown")
	}
}

func TestLateOutputBetweenStepsBelongsToTheNextOne(t *testing.T) {
	l := &ledger{trace: newTrace(), total: 2}
	l.state = newLedger(1, l.trace, nil).state
	l.begin(0)
	l.trace.Row(time.Now(), "of the first")
	l.finish(success)
	l.trace.Row(time.Now(), "late")
	l.begin(1)
	l.trace.Row(time.Now(), "of the second")
	l.finish(success)
	steps := l.final(success, failure, skipped).GetSteps()
	if steps[1].GetLogIndex() != 1 || steps[1].GetLogLength() != 2 {
		t.Errorf("the second step has rows %d+%d, want 1+2", steps[1].GetLogIndex(), steps[1].GetLogLength())
	}
}

// FuzzLines cuts the same output in pieces, which must not change its rows.
func FuzzLines(f *testing.F) {
	f.Add("a\nb\r\n::error::c\n\nsecret s3cr3t-value\nlast", uint8(3))
	f.Add("::stop-commands::token-12345\n::error::x\n::token-12345::\n", uint8(1))
	f.Add("\xff\n::add-mask::\xfe\n", uint8(2))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		var rows [2]string
		for i, piece := range []int{max(1, len(text)), max(1, int(size))} {
			b := newBench(t, "x")
			b.build()
			b.masker.Add("s3cr3t-value")
			out := newStepOutput(newStepRun(b.job, &phase{step: newStep(nil, b.job.frame, -1, "x", nil)})).stream()
			for from := 0; from < len(text); from += piece {
				out.Write([]byte(text[from:min(from+piece, len(text))]))
			}
			out.flush()
			rows[i] = b.text()
			for _, row := range b.trace.rows {
				if strings.ToValidUTF8(row, "?") != row || strings.Contains(row, "\n") {
					t.Errorf("row %q", row)
				}
			}
		}
		if rows[0] != rows[1] {
			t.Errorf("in pieces of %d:\n%q\nat once:\n%q", size, rows[1], rows[0])
		}
	})
}
