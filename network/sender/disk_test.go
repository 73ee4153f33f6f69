package sender

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/network/spool"
)

// onDisk adds a job with its spool in a directory.
func onDisk(t *testing.T, s *Sender, server *fakeServer, dir string) (*Handle, *spool.Reader) {
	t.Helper()
	sent, err := spool.LoadSent(dir)
	if err != nil {
		t.Fatal(err)
	}
	source := spool.OpenReader(dir)
	return s.Add(Job{
		Key:      "disk",
		TaskID:   taskID,
		Client:   server.client(),
		Source:   source,
		Initial:  sent,
		Resumed:  sent.Offset > 0,
		SaveSent: func(sent spool.Sent) error { return spool.StoreSent(dir, sent) },
	}), source
}

func waitDone(t *testing.T, h *Handle) {
	t.Helper()
	select {
	case <-h.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("not done")
	}
	if outcome, why := h.Outcome(); outcome != Delivered {
		t.Fatalf("outcome %s: %s", outcome, why)
	}
}

func TestASpoolOnDiskIsSentWhileItGrowsAndAfterACrash(t *testing.T) {
	dir, server := t.TempDir(), newFake()
	log, _ := logtest.NewNullLogger()
	w, err := spool.Create(dir, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := New(Options{Config: defaults, Log: log})
	handle, source := onDisk(t, first, server, dir)
	long := strings.Repeat("x", 50<<10)
	const rows = 180 // more than is kept before the space is given back
	for range rows {
		if err := w.Row(time.Now(), long); err != nil {
			t.Fatal(err)
		}
		handle.Wake()
	}
	if err := w.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 0)}}); err != nil {
		t.Fatal(err)
	}
	handle.Wake()
	first.Close(t.Context()) // sends what there is
	if err := errors.Join(w.Close(), source.Close()); err != nil {
		t.Fatal(err)
	}
	if got := len(server.contents()); got != rows {
		t.Fatalf("the server has %d rows", got)
	}
	torn, err := os.OpenFile(filepath.Join(dir, spool.FileName), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString("half a record"); err != nil {
		t.Fatal(err)
	}
	_ = torn.Close()

	second := New(Options{Config: defaults, Log: log})
	handle, source = onDisk(t, second, server, dir)
	_, err = spool.Recover(dir, spool.Closing{At: time.Now(), Rows: []string{"the job process died"}, Result: failure})
	if err != nil {
		t.Fatal(err)
	}
	handle.Wake()
	waitDone(t, handle)
	second.Close(t.Context())
	_ = source.Close()
	got := server.contents()
	if len(got) != rows+1 || got[rows] != "the job process died" || !server.isArchived() {
		t.Errorf("%d rows, the last is %.40q", len(got), got[len(got)-1])
	}
	state := server.last()
	if state.Result != failure || len(state.Steps) != 1 || state.Steps[0].Result != failure || state.Steps[0].LogLength != rows+1 {
		t.Errorf("final state %v", state)
	}
}

func TestWhatCannotBeStoredIsToldOnce(t *testing.T) {
	run(t, func(j *Job) {
		j.SaveSent = func(spool.Sent) error { return errors.New("no space left on device") }
	}, func(r *rig) {
		for range 5 {
			r.rows("a")
			r.pass(5 * time.Second)
		}
		r.ok(r.spool.End(&runnerv1.TaskState{Result: success, StoppedAt: timestamppb.Now()}, ""))
		r.delivered(5 * time.Second)
		if r.logged("no space left") != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
	})
}
