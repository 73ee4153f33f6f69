package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
)

// Closing is what Recover appends to the spool of a job that left no end.
type Closing struct {
	At     time.Time
	Rows   []string        // for the job's log
	Result runnerv1.Result // of the job and of its running step
	Reason string          // one line for operators
	Steps  int             // of the payload; those that never started are listed as skipped. 0 if not known
}

// Recovered is what Recover found and did.
type Recovered struct {
	HadEnd bool  // there was an end: nothing was appended
	Cut    int64 // bytes cut off: a torn tail, or what was behind a damaged record
	End    End
}

// Recover makes sure that the spool in dir has an end. It may only be called
// when no process writes to it any more. When there is no end, it cuts off
// what is incomplete and appends rows, the closed steps and the end, durably.
// A missing spool is made. After a *common.VersionError nothing has changed.
func Recover(dir string, closing Closing) (Recovered, error) {
	sent, err := LoadSent(dir)
	var version *common.VersionError
	if errors.As(err, &version) {
		return Recovered{}, err
	}
	if err != nil {
		sent = Sent{} // only a hint
	}
	found, err := survey(dir, sent)
	if err != nil {
		return Recovered{}, err
	}
	if found.end != nil {
		return Recovered{HadEnd: true, End: *found.end}, nil
	}
	state, err := proto.Marshal(closing.state(found, false))
	if err != nil {
		return Recovered{}, err
	}
	final := closing.state(found, true)
	encoded, err := proto.Marshal(final)
	if err != nil {
		return Recovered{}, err
	}
	tail := found.tail(closing, state, encoded)
	cut, err := replaceTail(filepath.Join(dir, FileName), found.offset, tail)
	return Recovered{Cut: cut, End: End{State: final, Reason: closing.Reason}}, err
}

// surveyed is what a spool has up to its first unreadable byte.
type surveyed struct {
	offset int64
	rows   int64
	state  *runnerv1.TaskState
	end    *End
}

func survey(dir string, sent Sent) (*surveyed, error) {
	reader := OpenReader(dir)
	defer reader.Close()
	found := &surveyed{offset: max(sent.Offset, Start), rows: sent.Rows, state: new(runnerv1.TaskState)}
	if err := proto.Unmarshal(sent.State, found.state); err != nil {
		return nil, fmt.Errorf("%s: state: %w", filepath.Join(dir, SentName), err)
	}
	var inner error
	for {
		next, err := reader.Read(found.offset, func(rec Record) bool {
			inner = found.take(rec)
			return inner == nil
		})
		found.offset = next
		var corrupt *CorruptError
		switch {
		case inner != nil:
			return nil, inner
		case err == nil || errors.Is(err, fs.ErrNotExist):
			return found, nil
		case !errors.As(err, &corrupt):
			return nil, err
		case corrupt.Next == 0:
			return found, nil
		}
		if corrupt.Kind == KindRow {
			found.rows++
		}
		found.offset = corrupt.Next
	}
}

func (s *surveyed) take(rec Record) error {
	var err error
	switch rec.Kind {
	case KindRow:
		s.rows++
	case KindState:
		s.state, err = rec.State()
	case KindEnd:
		var end End
		end, err = rec.End()
		s.end = &end
	}
	return err
}

// state closes the steps of the last state.
func (c Closing) state(found *surveyed, final bool) *runnerv1.TaskState {
	state := proto.CloneOf(found.state)
	at := timestamppb.New(c.At)
	rows := found.rows + int64(len(c.Rows))
	listed := make(map[int64]bool)
	for _, step := range state.Steps {
		listed[step.Id] = true
		if step.Result != runnerv1.Result_RESULT_UNSPECIFIED || step.StartedAt == nil {
			continue
		}
		step.Result, step.StoppedAt = c.Result, at
		step.LogLength = max(0, rows-step.LogIndex)
	}
	for i := range int64(c.Steps) {
		if !listed[i] {
			state.Steps = append(state.Steps, &runnerv1.StepState{Id: i, Result: runnerv1.Result_RESULT_SKIPPED, LogIndex: rows})
		}
	}
	if final {
		state.Result, state.StoppedAt = c.Result, at
	}
	return state
}

// tail encodes what is appended.
func (s *surveyed) tail(c Closing, state, final []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	var buf []byte
	for _, row := range c.Rows {
		start := len(buf)
		buf = appendRow(beginRecord(buf, KindRow), c.At, cleanRow(row))
		finishRecord(buf, start, table)
	}
	start := len(buf)
	buf = append(beginRecord(buf, KindState), state...)
	finishRecord(buf, start, table)
	start = len(buf)
	buf = appendEnd(beginRecord(buf, KindEnd), final, c.Reason)
	finishRecord(buf, start, table)
	return buf
}

// replaceTail puts tail at offset, in place of everything from there on. The
// file may be shorter than offset when the machine lost power: what is missing
// then is delivered already.
func replaceTail(path string, offset int64, tail []byte) (cut int64, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() > offset {
		cut = info.Size() - offset
	}
	if err := file.Truncate(offset); err != nil {
		return 0, err
	}
	if _, err := file.WriteAt(fileHeader(), 0); err != nil {
		return cut, err
	}
	if _, err := file.WriteAt(tail, offset); err != nil {
		// No part of it may stay: it is written again.
		return cut, errors.Join(err, file.Truncate(offset))
	}
	return cut, file.Sync()
}

// Foreign gives a *common.VersionError when the spool in dir, or how far it was
// sent, is of a version that this program does not read.
func Foreign(dir string) error {
	reader := OpenReader(dir)
	_, readErr := reader.Read(Start, func(Record) bool { return false })
	_, sentErr := LoadSent(dir)
	var version *common.VersionError
	for _, err := range []error{readErr, sentErr, reader.Close()} {
		if errors.As(err, &version) {
			return version
		}
	}
	return nil
}
