package spool

import (
	"time"
	"unicode/utf8"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Rows are encoded and decoded by hand: they are nearly all that there is in a
// spool, and the general way takes several times as long.
const (
	rowTime    = protowire.Number(1)
	rowContent = protowire.Number(2)
	timeSecs   = protowire.Number(1)
	timeNanos  = protowire.Number(2)
)

// appendRow appends the encoding of a runner.v1.LogRow.
func appendRow(buf []byte, at time.Time, content string) []byte {
	buf = protowire.AppendTag(buf, rowTime, protowire.BytesType)
	lengthAt := len(buf)
	buf = append(buf, 0) // a timestamp is never longer than 127 bytes
	if seconds := at.Unix(); seconds != 0 {
		buf = protowire.AppendTag(buf, timeSecs, protowire.VarintType)
		buf = protowire.AppendVarint(buf, uint64(seconds))
	}
	if nanos := at.Nanosecond(); nanos != 0 {
		buf = protowire.AppendTag(buf, timeNanos, protowire.VarintType)
		buf = protowire.AppendVarint(buf, uint64(nanos))
	}
	buf[lengthAt] = byte(len(buf) - lengthAt - 1)
	if content != "" {
		buf = protowire.AppendTag(buf, rowContent, protowire.BytesType)
		buf = protowire.AppendString(buf, content)
	}
	return buf
}

// rowMemory is what a decoded row takes, without its content.
type rowMemory struct {
	row runnerv1.LogRow
	at  timestamppb.Timestamp
}

// Rows decodes the rows of a batch, which share memory: none of it is given
// back before all are. The zero value is ready to use.
type Rows struct{ free []rowMemory }

// rowsAtOnce is how many rows share memory.
const rowsAtOnce = 64

// Decode decodes a KindRow record.
func (r *Rows) Decode(rec Record) (*runnerv1.LogRow, error) {
	if len(r.free) == 0 {
		r.free = make([]rowMemory, rowsAtOnce)
	}
	if decodeRow(rec.Data, &r.free[0]) {
		row := &r.free[0].row
		r.free = r.free[1:]
		return row, nil
	}
	row := new(runnerv1.LogRow)
	return row, rec.unmarshal(row)
}

// decodeRow decodes what appendRow wrote. It gives false, and leaves the row as
// it is, for what looks otherwise, sound or not.
func decodeRow(data []byte, into *rowMemory) bool {
	at, data, ok := takeBytes(data, rowTime)
	seconds, at, _ := takeVarint(at, timeSecs)
	nanos, at, _ := takeVarint(at, timeNanos)
	content, data, _ := takeBytes(data, rowContent)
	if !ok || len(at) > 0 || len(data) > 0 || !utf8.Valid(content) {
		return false
	}
	into.at.Seconds, into.at.Nanos = int64(seconds), int32(nanos)
	into.row.Time, into.row.Content = &into.at, string(content)
	return true
}

// takeBytes takes a field off the front of a message; not ok when something
// else is there, which stays.
func takeBytes(data []byte, want protowire.Number) (value, rest []byte, ok bool) {
	num, typ, n := protowire.ConsumeTag(data)
	if n < 0 || num != want || typ != protowire.BytesType {
		return nil, data, false
	}
	value, length := protowire.ConsumeBytes(data[n:])
	if length < 0 {
		return nil, data, false
	}
	return value, data[n+length:], true
}

// takeVarint is takeBytes for a number.
func takeVarint(data []byte, want protowire.Number) (value uint64, rest []byte, ok bool) {
	num, typ, n := protowire.ConsumeTag(data)
	if n < 0 || num != want || typ != protowire.VarintType {
		return 0, data, false
	}
	value, length := protowire.ConsumeVarint(data[n:])
	if length < 0 {
		return 0, data, false
	}
	return value, data[n+length:], true
}
