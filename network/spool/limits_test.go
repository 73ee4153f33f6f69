package spool

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
)

func TestRowsOverTheLimitAreDroppedAndCountedByOneRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Options{MaxBytes: 10_000})
		content := strings.Repeat("x", 100)
		dropped := 0
		for range 200 {
			switch err := m.Row(noon, content); {
			case errors.Is(err, ErrDropped):
				dropped++
			case err != nil:
				t.Fatal(err)
			}
		}
		kept := m.Rows()
		if dropped == 0 || kept+int64(dropped) != 200 {
			t.Fatalf("%d kept, %d dropped", kept, dropped)
		}
		must(t, m.State(steps(1))) // what is not a row is always taken

		must(t, m.StoreSent(Sent{Offset: 1000})) // less than an eighth: still no room
		time.Sleep(ackedDelay)
		if err := m.Row(noon, content); !errors.Is(err, ErrDropped) {
			t.Fatalf("a row gives %v while there is next to no room", err)
		}
		must(t, m.StoreSent(Sent{Offset: 9000}))
		time.Sleep(ackedDelay)
		must(t, m.Row(noon, "again"))
		if got := m.Rows(); got != kept+2 {
			t.Errorf("%d rows, want the one that counts and the new one after %d", got, kept)
		}
		must(t, m.Flush())
		got, _, err := texts(t, m, Start)
		must(t, err)
		count := fmt.Sprintf("##[warning]%d log rows were dropped here", dropped+1)
		if text := got[len(got)-2]; !strings.Contains(text, count) || got[len(got)-1] != "row again" {
			t.Errorf("the row that counts is %q", text)
		}
		must(t, m.Close())
	})
}

func TestDroppedRowsAreCountedBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Options{MaxBytes: 200})
		for i := range 10 {
			_ = m.Row(noon, fmt.Sprint(i))
		}
		rows := m.Rows()
		must(t, m.End(ended(runnerv1.Result_RESULT_FAILURE), "why"))
		got, _, err := texts(t, m, Start)
		must(t, err)
		if int64(len(got)) != rows+2 || !strings.Contains(got[rows], "rows were dropped") {
			t.Errorf("got %q", got)
		}
		must(t, m.Close())
	})
}

var errNoSpace = errors.New("no space left on device")

// fullDisk takes so many bytes.
type fullDisk struct {
	memoryFile
	room, syncs atomic.Int64
}

func (f *fullDisk) Write(p []byte) (int, error) {
	n := min(int64(len(p)), f.room.Load())
	f.room.Add(-n)
	_, _ = f.memoryFile.Write(p[:n])
	if n < int64(len(p)) {
		return int(n), errNoSpace
	}
	return int(n), nil
}

func (f *fullDisk) Sync() error { f.syncs.Add(1); return nil }

func newOn(disk *fullDisk, options Options) *Memory {
	m := &Memory{data: &disk.memoryFile}
	_, _ = disk.memoryFile.Write(fileHeader())
	m.Writer = newWriter(disk, Start, 0, func() (int64, error) { return 0, nil }, options)
	return m
}

func TestAFullDiskIsToldAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := new(fullDisk)
		disk.room.Store(30)
		m := newOn(disk, Options{})
		must(t, m.Row(noon, "one"))
		if err := m.State(steps(2)); !errors.Is(err, errNoSpace) {
			t.Fatalf("State gives %v", err)
		}
		if err := m.Row(noon, "two"); !errors.Is(err, errNoSpace) {
			t.Fatalf("Row gives %v", err)
		}
		want(t, m, Start, "row one") // and half a record
		if err := m.End(ended(runnerv1.Result_RESULT_SUCCESS), "done"); !errors.Is(err, errNoSpace) || disk.syncs.Load() != 0 {
			t.Fatalf("End gives %v, with %d syncs", err, disk.syncs.Load())
		}
		disk.room.Store(1 << 20)
		time.Sleep(retryDelay) // without any further call
		synctest.Wait()
		want(t, m, Start, "row one", "state of 2 steps", "row two", "end RESULT_SUCCESS done")
		must(t, m.Flush())
		must(t, m.Close())
		if got := disk.syncs.Load(); got != 1 {
			t.Errorf("%d syncs, want one after the end", got)
		}
	})
}

func TestMemoryIsBoundedWhileTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := new(fullDisk)
		m := newOn(disk, Options{})
		content := strings.Repeat("x", 10_000)
		var kept, dropped int
		for range 1000 {
			switch err := m.Row(noon, content); {
			case errors.Is(err, ErrDropped):
				dropped++
			default:
				kept++
			}
		}
		if len(m.buf) > rowReserve || dropped == 0 {
			t.Fatalf("%d bytes in memory, %d rows dropped", len(m.buf), dropped)
		}
		refused := 0
		for range 20 {
			if err := m.Output("k", strings.Repeat("v", 1<<20)); !errors.Is(err, errNoSpace) {
				t.Fatalf("Output gives %v", err)
			}
			if len(m.buf) > restReserve+1<<20 {
				t.Fatalf("%d bytes in memory", len(m.buf))
			}
			refused++
		}
		if err := m.End(ended(runnerv1.Result_RESULT_SUCCESS), ""); !errors.Is(err, errNoSpace) {
			t.Fatalf("End gives %v", err)
		}
		disk.room.Store(1 << 30)
		must(t, m.Flush())
		got, _, err := texts(t, m, Start)
		must(t, err)
		if last := got[len(got)-1]; last != "end RESULT_SUCCESS " {
			t.Errorf("the last record is %q", last)
		}
		if m.Rows() != int64(kept)+1 {
			t.Errorf("%d rows, want %d and the one that counts", m.Rows(), kept)
		}
		must(t, m.Close())
	})
}
