package engine

import (
	"errors"
	"slices"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
)

// memoryTrace keeps what a job reports.
type memoryTrace struct {
	fail error // of every method

	mu        sync.Mutex
	rows      []string
	times     []time.Time
	states    []*runnerv1.TaskState
	outputs   map[string]string
	summaries map[int]string
	end       *runnerv1.TaskState
	reason    string
	after     int // records that came after the end
}

func newTrace() *memoryTrace {
	return &memoryTrace{outputs: make(map[string]string), summaries: make(map[int]string)}
}

func (m *memoryTrace) record(keep func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.end != nil {
		m.after++
		return errors.New("the trace has ended")
	}
	keep()
	return m.fail
}

// all gives the rows so far.
func (m *memoryTrace) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.rows)
}

func (m *memoryTrace) Row(at time.Time, content string) error {
	return m.record(func() {
		m.rows = append(m.rows, content)
		m.times = append(m.times, at)
	})
}

func (m *memoryTrace) Rows() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.rows))
}

func (m *memoryTrace) State(state *runnerv1.TaskState) error {
	return m.record(func() { m.states = append(m.states, proto.CloneOf(state)) })
}

func (m *memoryTrace) Output(name, value string) error {
	return m.record(func() { m.outputs[name] = value })
}

func (m *memoryTrace) Summary(step int, markdown []byte) error {
	return m.record(func() { m.summaries[step] = string(slices.Clone(markdown)) })
}

func (m *memoryTrace) End(state *runnerv1.TaskState, reason string) error {
	return m.record(func() { m.end, m.reason = proto.CloneOf(state), reason })
}
