package coordinator_test

import (
	"strings"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/network"
	"multirunner/network/coordinator"
)

// The sequence was seen at a real server.
func TestAcks(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	for i, step := range []struct {
		index  int64
		rows   int
		noMore bool
		ack    int64
		class  network.Class
		end    bool
	}{
		{index: 0, rows: 2, ack: 2},
		{index: 0, rows: 2, ack: 2},  // once more
		{index: 1, rows: 3, ack: 4},  // an overlap is trimmed
		{index: 10, rows: 1, ack: 4}, // a gap
		{index: 4, rows: 0, ack: 4},
		{index: 99, rows: 0, noMore: true, ack: 4}, // a gap closes nothing
		{index: 4, rows: 1, ack: 5},
		{end: true},
		{index: 5, rows: 1, ack: 6}, // after the end
		{index: 6, rows: 1, noMore: true, ack: 7},
		{index: 6, rows: 1, noMore: true, ack: 7},
		{index: 7, rows: 0, noMore: true, ack: 7},
		{index: 7, rows: 1, class: network.ClassArchived},
		{index: 3, rows: 0, ack: 7},
	} {
		if step.end {
			r.finish(id, success, nil)
			continue
		}
		ack, err := r.log(id, step.index, step.rows, step.noMore)
		if network.Classify(err) != step.class || ack != step.ack {
			t.Errorf("request %d: ack %d, %v; want %d, %v", i, ack, err, step.ack, step.class)
		}
	}
}

func TestAnEmptyLogIsArchived(t *testing.T) {
	for name, legacy := range map[string]bool{"now": false, "before May 2026": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, coordinator.Options{Legacy: coordinator.Legacy{NoEmptyArchive: legacy}})
			r := b.runner(coordinator.RunnerSpec{})
			b.enqueue()
			id := r.mustFetch().GetId()
			if ack, err := r.log(id, 0, 0, true); ack != 0 || err != nil {
				t.Errorf("ack %d, %v", ack, err)
			}
			if got := b.task(id).Archived; got == legacy {
				t.Errorf("archived: %v", got)
			}
		})
	}
}

func TestRowsAsTheyAreStored(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	stamp := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.UTC))
	_, err := r.UpdateLog(t.Context(), &runnerv1.UpdateLogRequest{TaskId: id, Rows: []*runnerv1.LogRow{
		{Time: stamp, Content: "two\nlines"},
		{Content: strings.Repeat("x", 70_000)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rows := b.Log(id)
	if got, want := rows[0].String(), `2026-01-02T03:04:05.0067890Z two\nlines`; got != want {
		t.Errorf("stored %q", got)
	}
	if len(rows[1].Content) != 65536 || rows[1].Time.Year() != 1970 {
		t.Errorf("%d bytes at %v", len(rows[1].Content), rows[1].Time)
	}
}

// The first row that is sent for an index stays.
func TestDuplicatesAreNotCompared(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	for _, content := range []string{"first", "second"} {
		if _, err := r.UpdateLog(t.Context(), &runnerv1.UpdateLogRequest{TaskId: id, Rows: []*runnerv1.LogRow{{Content: content}}}); err != nil {
			t.Fatal(err)
		}
	}
	if rows := b.Log(id); len(rows) != 1 || rows[0].Content != "first" {
		t.Errorf("stored %v", rows)
	}
}
