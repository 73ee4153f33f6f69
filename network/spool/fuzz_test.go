package spool

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
)

// FuzzReader claims that no bytes make the reader panic or go back, that every
// record it gives lies where it says, and that what comes after a damaged
// record can be read.
func FuzzReader(f *testing.F) {
	m := NewMemory(Options{})
	must(f, m.Row(noon, "row"))
	must(f, m.State(steps(2)))
	must(f, m.Output("name", "value"))
	must(f, m.Summary(1, []byte("text")))
	must(f, m.End(ended(runnerv1.Result_RESULT_SUCCESS), "why"))
	must(f, m.Close())
	whole := bytes.Clone(m.data.data)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(whole[:Start])
	f.Add([]byte("MRSP"))
	flipped := bytes.Clone(whole)
	flipped[20] ^= 1
	f.Add(flipped)
	f.Fuzz(func(t *testing.T, data []byte) {
		file := &memoryFile{data: data}
		var s scanner
		offset := Start
		for range 100 {
			next, err := s.run(file, "fuzz", offset, func(rec Record) bool {
				if rec.Offset != offset || rec.Next > int64(len(data)) || int64(len(rec.Data)) != rec.Next-rec.Offset-recordHeader {
					t.Fatalf("record %d to %d of %d bytes, expected at %d", rec.Offset, rec.Next, len(rec.Data), offset)
				}
				offset = rec.Next
				decode(rec)
				return true
			})
			if next != offset {
				t.Fatalf("next is %d after a record that ends at %d", next, offset)
			}
			var bad *CorruptError
			if !errors.As(err, &bad) || bad.Next == 0 {
				return
			}
			if bad.Next <= offset {
				t.Fatalf("goes back from %d to %d", offset, bad.Next)
			}
			offset = bad.Next
		}
	})
}

// FuzzDecode claims that no message makes a decoder panic.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(KindOutput), appendOutput(nil, "a", "b"))
	f.Add(uint8(KindSummary), appendSummary(nil, 3, []byte("x")))
	f.Add(uint8(KindEnd), appendEnd(nil, []byte{8, 1}, "why"))
	f.Add(uint8(KindRow), appendRow(nil, noon, "x"))
	f.Fuzz(func(_ *testing.T, kind uint8, data []byte) {
		decode(Record{Kind: Kind(kind), Data: data})
	})
}

func decode(rec Record) {
	switch rec.Kind {
	case KindRow:
		_, _ = rec.Row()
	case KindState:
		_, _ = rec.State()
	case KindOutput:
		_, _ = rec.Output()
	case KindSummary:
		_, _ = rec.Summary()
	case KindEnd:
		_, _ = rec.End()
	}
}

// FuzzDecodeRow claims that a row which is decoded by hand is what the general
// way makes of it.
func FuzzDecodeRow(f *testing.F) {
	f.Add(appendRow(nil, noon, "x"))
	f.Add(appendRow(nil, time.Time{}, ""))
	f.Add(appendRow(nil, time.Unix(0, 0), "\xff"))
	f.Add([]byte{10, 2, 8, 1, 10, 2, 8, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var memory rowMemory
		if !decodeRow(data, &memory) {
			return
		}
		got := &memory.row
		want := new(runnerv1.LogRow)
		if err := proto.Unmarshal(data, want); err != nil {
			t.Fatalf("%v, but by hand %v", err, got)
		}
		if !proto.Equal(got, want) {
			t.Fatalf("%v, but by hand %v", want, got)
		}
	})
}

func TestRowsAsTheyAreWrittenAreDecodedByHand(t *testing.T) {
	for _, content := range []string{"", "x", strings.Repeat("ä", MaxRow/2)} {
		for _, at := range []time.Time{noon, time.Unix(0, 0), time.Unix(5, 0), time.Unix(0, 7), {}} {
			var memory rowMemory
			ok, got := decodeRow(appendRow(nil, at, content), &memory), &memory.row
			if !ok || got.Content != content || !got.Time.AsTime().Equal(at) {
				t.Errorf("%v %.10q: %v", at, content, got)
			}
		}
	}
}
