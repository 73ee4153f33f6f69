package coordinator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"connectrpc.com/connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
)

const maxRowBytes = 64 << 10

// UpdateLog stores rows and answers how many there are.
func (v service) UpdateLog(ctx context.Context, req *connect.Request[runnerv1.UpdateLogRequest]) (*connect.Response[runnerv1.UpdateLogResponse], error) {
	s, msg := v.s, req.Msg
	s.mu.Lock()
	defer s.mu.Unlock()
	runner, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	runner.lastActive = s.now()
	task := s.tasks[msg.GetTaskId()]
	if task == nil {
		return nil, wrapped("Internal", fmt.Sprintf("get task: task with id %d: resource does not exist", msg.GetTaskId()))
	}
	if task.runnerID != runner.id {
		return nil, wrapped("Internal", "invalid runner for task")
	}
	if err := s.appendLog(task, msg); err != nil {
		return nil, err
	}
	return connect.NewResponse(&runnerv1.UpdateLogResponse{AckIndex: int64(len(task.log))}), nil
}

func (s *Server) appendLog(task *taskRow, msg *runnerv1.UpdateLogRequest) error {
	stored, index, rows := int64(len(task.log)), msg.GetIndex(), msg.GetRows()
	if index > stored {
		return nil // a gap: the runner sends from the ack on, nothing is closed
	}
	if s.options.Legacy.NoEmptyArchive && len(rows) == 0 {
		return nil
	}
	if skip := stored - index; skip < int64(len(rows)) {
		rows = rows[skip:]
	} else {
		rows = nil
	}
	if task.archived {
		if len(rows) > 0 {
			return wrapped("AlreadyExists", "log file has been archived")
		}
		return nil
	}
	if len(rows) > 0 {
		s.storeRows(task, rows)
	}
	if msg.GetNoMore() {
		task.archived = true
		task.updated = s.now()
	}
	return nil
}

func (s *Server) storeRows(task *taskRow, rows []*runnerv1.LogRow) {
	task.updated = s.now()
	first := len(task.log)
	for _, row := range rows {
		line := LogLine{Time: row.GetTime().AsTime(), Content: storedContent(row.GetContent())}
		task.log = append(task.log, line)
	}
	s.publish(Event{
		Kind:     LogRows,
		Job:      task.job.info(),
		Task:     task.info(),
		FirstRow: int64(first),
		Rows:     slices.Clone(task.log[first:]),
	})
}

// storedContent is a row as the log keeps it: one line of at most 64 KiB, cut
// without regard to runes.
func storedContent(content string) string {
	content = strings.ReplaceAll(content, "\n", `\n`)
	if len(content) > maxRowBytes {
		content = content[:maxRowBytes]
	}
	return content
}
