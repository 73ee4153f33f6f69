package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ common.Trace = (*Writer)(nil)
	_ common.Trace = (*Memory)(nil)
	_ Source       = (*Reader)(nil)
	_ Source       = (*Memory)(nil)
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 123456789, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, dir string, options Options) *Writer {
	t.Helper()
	w, err := Create(dir, options)
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func open(t testing.TB, dir string) *Reader {
	t.Helper()
	r := OpenReader(dir)
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

// texts gives each record from offset on as a line of text.
func texts(t testing.TB, source Source, offset int64) ([]string, int64, error) {
	t.Helper()
	var got []string
	next, err := source.Read(offset, func(rec Record) bool {
		switch rec.Kind {
		case KindRow:
			row, err := rec.Row()
			must(t, err)
			got = append(got, "row "+row.Content)
		case KindState:
			state, err := rec.State()
			must(t, err)
			got = append(got, fmt.Sprintf("state of %d steps", len(state.Steps)))
		case KindOutput:
			out, err := rec.Output()
			must(t, err)
			got = append(got, "output "+out.Name+"="+out.Value)
		case KindSummary:
			s, err := rec.Summary()
			must(t, err)
			got = append(got, fmt.Sprintf("summary %d %s", s.Step, s.Markdown))
		case KindEnd:
			end, err := rec.End()
			must(t, err)
			got = append(got, fmt.Sprintf("end %v %s", end.State.Result, end.Reason))
		default:
			got = append(got, fmt.Sprintf("kind %d", rec.Kind))
		}
		return true
	})
	return got, next, err
}

func want(t testing.TB, source Source, offset int64, lines ...string) int64 {
	t.Helper()
	got, next, err := texts(t, source, offset)
	must(t, err)
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	return next
}

func steps(n int) *runnerv1.TaskState {
	state := &runnerv1.TaskState{Id: 7}
	for i := range n {
		state.Steps = append(state.Steps, &runnerv1.StepState{Id: int64(i), StartedAt: timestamppb.New(noon), LogIndex: int64(i)})
	}
	return state
}

func ended(result runnerv1.Result) *runnerv1.TaskState {
	return &runnerv1.TaskState{Id: 7, Result: result, StoppedAt: timestamppb.New(noon)}
}

func TestWhatIsWrittenIsReadInOrder(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	r := open(t, dir)
	must(t, w.Row(noon, "one"))
	must(t, w.State(steps(1)))
	next := want(t, r, Start, "row one", "state of 1 steps")
	must(t, w.Row(noon, ""))
	must(t, w.Output("key", "value\nof two lines"))
	must(t, w.Summary(3, []byte("# Done")))
	must(t, w.Row(noon, "last"))
	must(t, w.End(ended(runnerv1.Result_RESULT_SUCCESS), "all well"))
	want(t, r, next, "row ", "output key=value\nof two lines", "summary 3 # Done", "row last", "end RESULT_SUCCESS all well")
	if got := w.Rows(); got != 3 {
		t.Errorf("Rows is %d, want 3", got)
	}
	if err := w.Row(noon, "more"); !errors.Is(err, ErrEnded) {
		t.Errorf("a row after the end gives %v", err)
	}
	must(t, w.Close())
	if err := w.State(steps(1)); !errors.Is(err, ErrEnded) {
		t.Errorf("a state after Close gives %v", err)
	}
}

func TestTheFileIsForItsOwnerOnlyAndMadeOnce(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, Options{})
	info, err := os.Stat(filepath.Join(dir, FileName))
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := Create(dir, Options{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second spool gives %v", err)
	}
}

func TestRowsAreEncodedAsTheProtocolsMessage(t *testing.T) {
	for _, row := range []*runnerv1.LogRow{
		{Time: timestamppb.New(noon), Content: "text"},
		{Time: timestamppb.New(time.Unix(0, 0)), Content: ""},
		{Time: timestamppb.New(time.Unix(-5, 999999999)), Content: strings.Repeat("ü", 30000)},
	} {
		got := new(runnerv1.LogRow)
		must(t, proto.Unmarshal(appendRow(nil, row.Time.AsTime(), row.Content), got))
		if diff := cmp.Diff(row, got, protocmp.Transform()); diff != "" {
			t.Errorf("row (-want +got):\n%s", diff)
		}
	}
}

func TestRowsThatTheServerWouldRefuseAreMadeFit(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"no UTF-8":             {"a\xffb", "a\uFFFDb"},
		"too long":             {strings.Repeat("x", MaxRow+5), strings.Repeat("x", MaxRow)},
		"too long, in a rune":  {strings.Repeat("x", MaxRow-1) + "ü", strings.Repeat("x", MaxRow-1)},
		"too long, no UTF-8":   {strings.Repeat("\x80", MaxRow+5), "\uFFFD"},
		"as long as it may be": {strings.Repeat("y", MaxRow), strings.Repeat("y", MaxRow)},
	} {
		if got := cleanRow(tt.in); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(tt.want))
		}
	}
}

func TestRowsReachReadersWithinTheFlushDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notified := 0
		m := NewMemory(Options{Notify: func(urgent bool) {
			notified++
			if urgent {
				t.Error("rows alone are not urgent")
			}
		}})
		for range 100 {
			must(t, m.Row(noon, "x"))
		}
		want(t, m, Start)
		time.Sleep(flushDelay)
		synctest.Wait()
		got, _, _ := texts(t, m, Start)
		if len(got) != 100 || notified != 1 {
			t.Errorf("%d rows and %d notifications, want 100 and 1", len(got), notified)
		}
		must(t, m.Close())
	})
}

func TestReaderWaitsForASpoolThatIsNotThereYet(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	want(t, r, Start)
	must(t, os.WriteFile(filepath.Join(dir, FileName), fileHeader()[:5], 0o600))
	want(t, r, Start)
	must(t, os.WriteFile(filepath.Join(dir, FileName), fileHeader(), 0o600))
	want(t, r, Start)
}

func TestReaderTakesAPartialTailForOneThatIsBeingWritten(t *testing.T) {
	whole := t.TempDir()
	w := create(t, whole, Options{})
	must(t, w.Row(noon, "first"))
	must(t, w.Flush())
	first := w.written
	must(t, w.Row(noon, "second"))
	must(t, w.Close())
	data, err := os.ReadFile(filepath.Join(whole, FileName))
	must(t, err)
	dir := t.TempDir()
	r := open(t, dir)
	for n := first; n < int64(len(data)); n++ {
		must(t, os.WriteFile(filepath.Join(dir, FileName), data[:n], 0o600))
		if next := want(t, r, Start, "row first"); next != first {
			t.Fatalf("%d bytes: next is %d, want %d", n, next, first)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, FileName), data, 0o600))
	want(t, r, first, "row second")
}

func TestReaderStopsWhereItIsTold(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	for i := range 3 {
		must(t, w.Row(noon, fmt.Sprint(i)))
	}
	must(t, w.Flush())
	r := open(t, dir)
	n := 0
	next, err := r.Read(Start, func(Record) bool { n++; return n < 3 })
	must(t, err)
	want(t, r, next, "row 2")
}

func TestRecordsLargerThanTheReadBuffer(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	markdown := strings.Repeat("m", 3*readBuffer)
	must(t, w.Summary(0, []byte(markdown)))
	must(t, w.Row(noon, "after"))
	must(t, w.Flush())
	want(t, open(t, dir), Start, "summary 0 "+markdown, "row after")
	if err := w.Output("k", strings.Repeat("v", MaxRecord)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an output over the limit gives %v", err)
	}
}

// damaged writes a spool of three rows and changes its bytes.
func damaged(t *testing.T, change func(data []byte, offsets []int64) []byte) string {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	var offsets []int64
	for _, text := range []string{"one", "two", "three"} {
		offsets = append(offsets, w.written)
		must(t, w.Row(noon, text))
		must(t, w.Flush())
	}
	must(t, w.Close())
	path := filepath.Join(dir, FileName)
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, change(data, offsets), 0o600))
	return dir
}

func TestDamageIsATypedErrorThatSaysWhereToGoOn(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(data []byte, offsets []int64) []byte
		before []string
		after  []string // from Next on; nil when there is no Next
	}{
		"a bit of a message": {
			func(d []byte, o []int64) []byte { d[o[1]+12] ^= 4; return d },
			[]string{"row one"}, []string{"row three"}},
		"a bit of a checksum": {
			func(d []byte, o []int64) []byte { d[o[0]+5] ^= 1; return d },
			nil, []string{"row two", "row three"}},
		"a bit of a kind": {
			func(d []byte, o []int64) []byte { d[o[0]+8] ^= 2; return d },
			nil, []string{"row two", "row three"}},
		"a bit of a length": {
			func(d []byte, o []int64) []byte { d[o[0]] ^= 1; return d },
			nil, nil},
		"the last record": {
			func(d []byte, o []int64) []byte { d[o[2]+12] ^= 1; return d },
			[]string{"row one", "row two"}, nil},
		"zeros after a power failure": {
			func(d []byte, o []int64) []byte { clear(d[o[2]:]); return d },
			[]string{"row one", "row two"}, nil},
		"another kind of file": {
			func(d []byte, _ []int64) []byte { copy(d, "PNG!"); return d },
			nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, damaged(t, tt.change))
			got, _, err := texts(t, r, Start)
			var bad *CorruptError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want a CorruptError", err)
			}
			if !strings.Contains(err.Error(), FileName) || !strings.Contains(err.Error(), fmt.Sprint(bad.Offset)) {
				t.Errorf("%q does not say where", err)
			}
			if diff := cmp.Diff(tt.before, got); diff != "" {
				t.Errorf("before (-want +got):\n%s", diff)
			}
			if tt.after == nil {
				if bad.Next != 0 {
					t.Errorf("Next is %d, want none", bad.Next)
				}
				return
			}
			want(t, r, bad.Next, tt.after...)
		})
	}
}

func TestKindsFromLaterVersionsAreHandedOn(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	must(t, w.record(Kind(42), 1, func(buf []byte) ([]byte, error) { return append(buf, 'x'), nil }))
	must(t, w.Row(noon, "row"))
	must(t, w.Flush())
	want(t, open(t, dir), Start, "kind 42", "row row")
}

func BenchmarkWrite200kRows(b *testing.B) {
	content := strings.Repeat("line of a build log ", 5)
	for b.Loop() {
		w, err := Create(b.TempDir(), Options{})
		must(b, err)
		for range 200_000 {
			must(b, w.Row(noon, content))
		}
		must(b, w.End(ended(runnerv1.Result_RESULT_SUCCESS), ""))
		must(b, w.Close())
	}
}

func BenchmarkRead200kRows(b *testing.B) {
	dir := b.TempDir()
	w := create(b, dir, Options{})
	content := strings.Repeat("line of a build log ", 5)
	for range 200_000 {
		must(b, w.Row(noon, content))
	}
	must(b, w.Flush())
	r := open(b, dir)
	for b.Loop() {
		n := 0
		_, err := r.Read(Start, func(Record) bool { n++; return true })
		must(b, err)
		if n != 200_000 {
			b.Fatal(n)
		}
	}
}
