package spool

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var crashed = Closing{
	At:     noon.Add(time.Hour),
	Rows:   []string{"the job process died"},
	Result: runnerv1.Result_RESULT_FAILURE,
	Reason: "no end in the spool",
	Steps:  3,
}

func endOf(t *testing.T, dir string, offset int64) *runnerv1.TaskState {
	t.Helper()
	var state *runnerv1.TaskState
	_, err := open(t, dir).Read(offset, func(rec Record) bool {
		if rec.Kind == KindEnd {
			end, err := rec.End()
			must(t, err)
			state = end.State
		}
		return true
	})
	must(t, err)
	return state
}

func TestRecoverClosesWhatAJobProcessLeft(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	must(t, w.Row(noon, "set up"))
	state := steps(2)
	state.Steps[0].Result = runnerv1.Result_RESULT_SUCCESS
	state.Steps[0].StoppedAt = timestamppb.New(noon)
	state.Steps[0].LogLength = 1
	state.Steps[1].LogIndex = 1
	must(t, w.State(state))
	must(t, w.Row(noon, "working"))
	must(t, w.Close())
	file, err := os.OpenFile(filepath.Join(dir, FileName), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = file.Write([]byte{40, 0, 0, 0, 1, 2, 3, 4, 1, 'h', 'a', 'l', 'f'})
	must(t, err)
	must(t, file.Close())

	did, err := Recover(dir, crashed)
	must(t, err)
	if did.HadEnd || did.Cut != 13 {
		t.Errorf("it did %+v", did)
	}
	want(t, open(t, dir), Start, "row set up", "state of 2 steps", "row working",
		"row the job process died", "state of 3 steps", "end RESULT_FAILURE no end in the spool")
	stopped := timestamppb.New(crashed.At)
	state.Steps[1].Result, state.Steps[1].StoppedAt, state.Steps[1].LogLength = runnerv1.Result_RESULT_FAILURE, stopped, 2
	state.Steps = append(state.Steps, &runnerv1.StepState{Id: 2, Result: runnerv1.Result_RESULT_SKIPPED, LogIndex: 3})
	state.Result, state.StoppedAt = runnerv1.Result_RESULT_FAILURE, stopped
	if diff := cmp.Diff(state, endOf(t, dir, Start), protocmp.Transform()); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}

	again, err := Recover(dir, crashed)
	must(t, err)
	if !again.HadEnd || again.End.State.Result != runnerv1.Result_RESULT_FAILURE {
		t.Errorf("a second time it did %+v", again)
	}
}

func TestRecoverLeavesAnEndAsItIs(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	must(t, w.End(ended(runnerv1.Result_RESULT_SUCCESS), "fine"))
	must(t, w.Close())
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	must(t, err)
	did, err := Recover(dir, crashed)
	must(t, err)
	if !did.HadEnd || did.End.Reason != "fine" || did.End.State.Result != runnerv1.Result_RESULT_SUCCESS {
		t.Errorf("it did %+v", did)
	}
	after, err := os.ReadFile(filepath.Join(dir, FileName))
	must(t, err)
	if !cmp.Equal(before, after) {
		t.Error("the file has changed")
	}
}

func TestRecoverMakesASpoolForAJobThatNeverHadOne(t *testing.T) {
	for name, content := range map[string][]byte{"none": nil, "half a header": []byte("MRS")} {
		dir := t.TempDir()
		if content != nil {
			must(t, os.WriteFile(filepath.Join(dir, FileName), content, 0o600))
		}
		_, err := Recover(dir, crashed)
		must(t, err)
		t.Log(name)
		want(t, open(t, dir), Start, "row the job process died", "state of 3 steps", "end RESULT_FAILURE no end in the spool")
	}
}

func TestRecoverFindsTheEndBehindADamagedRow(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	must(t, w.Row(noon, "good"))
	must(t, w.Flush())
	at := w.written
	must(t, w.Row(noon, "bad"))
	must(t, w.End(ended(runnerv1.Result_RESULT_SUCCESS), "fine"))
	must(t, w.Close())
	file, err := os.OpenFile(filepath.Join(dir, FileName), os.O_RDWR, 0)
	must(t, err)
	_, err = file.WriteAt([]byte{0xff}, at+12)
	must(t, err)
	must(t, file.Close())
	did, err := Recover(dir, crashed)
	must(t, err)
	if !did.HadEnd || did.End.State.Result != runnerv1.Result_RESULT_SUCCESS {
		t.Errorf("it did %+v", did)
	}
}

func TestRecoverGoesOnFromWhatIsDelivered(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Options{})
	must(t, w.Row(noon, "delivered"))
	must(t, w.State(steps(1)))
	must(t, w.Row(noon, "delivered too"))
	must(t, w.Close())
	state, err := proto.Marshal(steps(1))
	must(t, err)
	sent := Sent{Offset: w.written, Rows: 2, State: state}

	for name, cut := range map[string]int64{
		"the whole file is there":             w.written,
		"the machine lost power and its tail": w.written - 20,
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.Truncate(filepath.Join(dir, FileName), cut))
			must(t, StoreSent(dir, sent))
			_, err := Recover(dir, crashed)
			must(t, err)
			want(t, open(t, dir), sent.Offset, "row the job process died", "state of 3 steps", "end RESULT_FAILURE no end in the spool")
			step := endOf(t, dir, sent.Offset).Steps[0]
			if step.Result != runnerv1.Result_RESULT_FAILURE || step.LogLength != 3 {
				t.Errorf("the running step ends as %v", step)
			}
		})
	}
}

func TestSentIsStoredAndLoaded(t *testing.T) {
	dir := t.TempDir()
	got, err := LoadSent(dir)
	must(t, err)
	if diff := cmp.Diff(Sent{}, got); diff != "" {
		t.Errorf("without a file: %s", diff)
	}
	sent := Sent{Offset: 100, Rows: 5, State: []byte{1, 2}, Outputs: []string{"a"}, Summaries: []int64{90}, LogClosed: true, Final: true}
	must(t, StoreSent(dir, Sent{Offset: 1}))
	must(t, StoreSent(dir, sent))
	got, err = LoadSent(dir)
	must(t, err)
	sent.V = sentVersion
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("files left: %v", entries)
	}
	for _, text := range []string{"", "{", `{"v":9}`, `{"v":1,"offset":-4}`} {
		must(t, os.WriteFile(filepath.Join(dir, SentName), []byte(text), 0o600))
		if got, err := LoadSent(dir); err == nil || got.Offset != 0 {
			t.Errorf("%q gives %+v, %v", text, got, err)
		}
	}
}

func TestReleasedPartOfTheFileIsGivenBack(t *testing.T) {
	if !holesKnown {
		t.Skip("this system knows no holes")
	}
	dir := t.TempDir()
	w := create(t, dir, Options{})
	content := string(make([]byte, 1000))
	for range 1000 {
		must(t, w.Row(noon, content))
	}
	must(t, w.Flush())
	offset := w.written
	must(t, w.Row(noon, "kept"))
	must(t, w.Flush())
	r := open(t, dir)
	if _, err := r.Release(offset); err == nil {
		t.Error("released what no stored Sent covers")
	}
	must(t, StoreSent(dir, Sent{Offset: offset, Rows: 1000}))
	released, err := r.Release(offset)
	must(t, err)
	if !released {
		t.Skip("this file system knows no holes")
	}
	want(t, r, offset, "row kept")
	info, err := os.Stat(filepath.Join(dir, FileName))
	must(t, err)
	if used := diskUsage(info); used > 100<<10 {
		t.Errorf("the file still uses %d bytes of %d", used, info.Size())
	}
	must(t, w.Row(noon, "more"))
	must(t, w.Flush())
	want(t, r, offset, "row kept", "row more")
}
