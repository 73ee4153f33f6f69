// Package shim runs a job's commands inside its container. Serve is what the
// runner's own program does there as the container's first process; a Client
// is the side of the job process. They talk over one stream in each direction:
// the container's standard input and output.
//
// # Protocol
//
// Each direction is a sequence of frames: the length of the payload (4 bytes,
// little-endian), a kind (1 byte), an id (4 bytes, little-endian), the payload
// of at most 64 KiB. The id is that of a command or request, chosen by the
// client and used once; 0 is nobody's. A message that is longer than a frame is
// cut into "part" frames and a last one of its own kind.
//
// The container speaks first: hello. The client answers with open. From then
// on it sends requests in any order, each of which is answered once:
//
//	start         failed, or exit; then drained when late output was wanted
//	lookPath      reply or failed
//	writeTemp     reply or failed
//	readTemp      reply or failed
//	killAll       reply or failed, when all late output has been sent
//
// and cancel and hurry for a command, which have no answer. Output comes as
// stdout, stderr and, after the exit or shortly before it, late. It is paid
// from a window: the container sends no more than the client has room for, and
// the client gives room back with ack. A command has a window of its own, all
// late output shares another, so that nobody's output waits for somebody else's
// reader.
//
// The container belongs to the job, which may send anything in the shim's
// place. What the protocol does not allow ends the connection.
package shim

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// version is that of the protocol. Both sides are the same program, so that
	// another one is a mistake of whoever mounted it.
	version = 1

	headerSize = 9
	maxPayload = 64 << 10

	// frameCost is what a frame of output takes from a window beside its bytes.
	frameCost = 64
	runWindow = 512 << 10
	// lateWindow is shared by all that lives on after its command.
	lateWindow = 256 << 10

	// maxMessage bounds what a client may send as one message: more than a
	// system takes as arguments and environment, and any script.
	maxMessage = 64 << 20
	// maxReply bounds the answers that carry no file.
	maxReply = 64 << 10
)

type kind byte

const (
	kindPart kind = iota + 1

	// From the client.
	kindOpen
	kindStart
	kindCancel
	kindHurry
	kindAck
	kindLookPath
	kindWriteTemp
	kindReadTemp
	kindKillAll

	// From the container.
	kindHello
	kindReply
	kindFailed
	kindStdout
	kindStderr
	kindLate
	kindExit
	kindDrained
)

func (k kind) String() string {
	names := [...]string{
		"nothing", "part", "open", "start", "cancel", "hurry", "ack", "lookPath", "writeTemp", "readTemp", "killAll",
		"hello", "reply", "failed", "stdout", "stderr", "late", "exit", "drained",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// ProtocolError is what the other side sent against the protocol.
type ProtocolError struct{ Reason string }

func (e *ProtocolError) Error() string { return "protocol of the shim: " + e.Reason }

func violation(format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...)}
}

// frame is what was read. The payload is overwritten by the next one.
type frame struct {
	kind    kind
	id      uint32
	payload []byte
}

// frameReader takes frames from a stream. It holds one frame at a time.
type frameReader struct {
	in     *bufio.Reader
	buffer []byte
}

func newFrameReader(in io.Reader) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(in, maxPayload+headerSize)}
}

// next gives the next frame, io.EOF at the end of the stream and
// io.ErrUnexpectedEOF when that is within a frame.
func (r *frameReader) next() (frame, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r.in, header[:]); err != nil {
		return frame{}, err
	}
	length := binary.LittleEndian.Uint32(header[:4])
	f := frame{kind: kind(header[4]), id: binary.LittleEndian.Uint32(header[5:])}
	if length > maxPayload {
		return frame{}, violation("a frame (%v) of %d bytes, at most %d are allowed", f.kind, length, maxPayload)
	}
	if r.buffer == nil {
		r.buffer = make([]byte, maxPayload)
	}
	f.payload = r.buffer[:length]
	if _, err := io.ReadFull(r.in, f.payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	return f, nil
}

// appendFrame adds a frame to a buffer.
func appendFrame(buf []byte, k kind, id uint32, payload []byte) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(payload)))
	buf = append(buf, byte(k))
	buf = binary.LittleEndian.AppendUint32(buf, id)
	return append(buf, payload...)
}

// cut gives a message as the frames that carry it.
func cut(k kind, id uint32, message []byte, each func(frame []byte) error) error {
	for len(message) > maxPayload {
		if err := each(appendFrame(nil, kindPart, id, message[:maxPayload])); err != nil {
			return err
		}
		message = message[maxPayload:]
	}
	return each(appendFrame(nil, k, id, message))
}
