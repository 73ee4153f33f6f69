// Package spool is the file between a job process, which appends what the job
// reports, and the sender, which reads it and tells the server. Whatever
// happens to either of them, what is in the file reaches the server.
//
// A file is a header ("MRSP", little-endian uint32 version) and records: a
// little-endian uint32 length of what follows the checksum, a CRC-32C over
// length, kind and message, one byte of kind, and the message in protobuf
// encoding. There is one writer and it only appends.
package spool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Version is the version of the format that this program writes; it reads the
// one before, too.
const Version = 1

// Start is the offset of the first record.
const Start int64 = 8

// MaxRecord is the most bytes that a record's message may have.
const MaxRecord = 8 << 20

// MaxRow is the most bytes of a row: the server cuts at it.
const MaxRow = 64 << 10

const (
	magic        = "MRSP"
	recordHeader = 9 // length, checksum, kind
)

// Kind says what a record's message is.
type Kind uint8

// The kinds of records. Readers pass over kinds that they do not know.
const (
	KindRow     Kind = 1 // runner.v1.LogRow
	KindState   Kind = 2 // runner.v1.TaskState without a result
	KindOutput  Kind = 3 // Output
	KindSummary Kind = 4 // Summary
	KindEnd     Kind = 5 // End; nothing follows it
)

// Record is one record of a spool. Its message is only valid inside the visit
// that it was handed to.
type Record struct {
	Kind   Kind
	Offset int64 // where it starts
	Next   int64 // where the next one starts
	Data   []byte
}

// Output is a job output.
type Output struct{ Name, Value string }

// Summary is the markdown summary of a step, 0-based.
type Summary struct {
	Step     int
	Markdown []byte
}

// End is how the job ended.
type End struct {
	State  *runnerv1.TaskState // final: result and stopped_at are set
	Reason string              // one line for operators, never sent
}

// Row decodes a KindRow record.
func (r Record) Row() (*runnerv1.LogRow, error) {
	one := Rows{free: make([]rowMemory, 1)}
	return one.Decode(r)
}

// State decodes a KindState record.
func (r Record) State() (*runnerv1.TaskState, error) {
	state := new(runnerv1.TaskState)
	return state, r.unmarshal(state)
}

func (r Record) unmarshal(m proto.Message) error {
	if err := proto.Unmarshal(r.Data, m); err != nil {
		return fmt.Errorf("record at byte %d: %w", r.Offset, err)
	}
	return nil
}

// Output decodes a KindOutput record.
func (r Record) Output() (Output, error) {
	var out Output
	err := r.fields(func(num protowire.Number, value []byte, _ uint64) {
		switch num {
		case 1:
			out.Name = string(value)
		case 2:
			out.Value = string(value)
		}
	})
	return out, err
}

// Summary decodes a KindSummary record.
func (r Record) Summary() (Summary, error) {
	var s Summary
	err := r.fields(func(num protowire.Number, value []byte, number uint64) {
		switch num {
		case 1:
			s.Step = int(number)
		case 2:
			s.Markdown = append([]byte(nil), value...)
		}
	})
	return s, err
}

// End decodes a KindEnd record.
func (r Record) End() (End, error) {
	end := End{State: new(runnerv1.TaskState)}
	var inner error
	err := r.fields(func(num protowire.Number, value []byte, _ uint64) {
		switch num {
		case 1:
			inner = proto.Unmarshal(value, end.State)
		case 2:
			end.Reason = string(value)
		}
	})
	if err == nil && inner != nil {
		err = fmt.Errorf("record at byte %d: %w", r.Offset, inner)
	}
	return end, err
}

// fields visits the varint and length-delimited fields of the message.
func (r Record) fields(visit func(num protowire.Number, value []byte, number uint64)) error {
	data := r.Data
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("record at byte %d: %w", r.Offset, protowire.ParseError(n))
		}
		data = data[n:]
		var value []byte
		var number uint64
		switch typ {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(data)
		default:
			n = protowire.ConsumeFieldValue(num, typ, data)
		}
		if n < 0 {
			return fmt.Errorf("record at byte %d: %w", r.Offset, protowire.ParseError(n))
		}
		data = data[n:]
		if typ == protowire.BytesType || typ == protowire.VarintType {
			visit(num, value, number)
		}
	}
	return nil
}

func fileHeader() []byte {
	return binary.LittleEndian.AppendUint32([]byte(magic), Version)
}

// beginRecord appends a record's header; finishRecord fills in what was not
// known yet.
func beginRecord(buf []byte, kind Kind) []byte {
	return append(buf, 0, 0, 0, 0, 0, 0, 0, 0, byte(kind))
}

// finishRecord completes the record that starts at start and runs to the end
// of buf.
func finishRecord(buf []byte, start int, table *crc32.Table) {
	rec := buf[start:]
	binary.LittleEndian.PutUint32(rec, uint32(len(rec)-8))
	binary.LittleEndian.PutUint32(rec[4:], checksum(rec, table))
}

// checksum is over everything of the record but the checksum itself.
func checksum(rec []byte, table *crc32.Table) uint32 {
	return crc32.Update(crc32.Checksum(rec[:4], table), table, rec[8:])
}

func appendOutput(buf []byte, name, value string) []byte {
	buf = protowire.AppendTag(buf, 1, protowire.BytesType)
	buf = protowire.AppendString(buf, name)
	buf = protowire.AppendTag(buf, 2, protowire.BytesType)
	return protowire.AppendString(buf, value)
}

func appendSummary(buf []byte, step int, markdown []byte) []byte {
	buf = protowire.AppendTag(buf, 1, protowire.VarintType)
	buf = protowire.AppendVarint(buf, uint64(step))
	buf = protowire.AppendTag(buf, 2, protowire.BytesType)
	return protowire.AppendBytes(buf, markdown)
}

func appendEnd(buf []byte, state []byte, reason string) []byte {
	buf = protowire.AppendTag(buf, 1, protowire.BytesType)
	buf = protowire.AppendBytes(buf, state)
	buf = protowire.AppendTag(buf, 2, protowire.BytesType)
	return protowire.AppendString(buf, reason)
}
