package gitwire

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// packetKind is what a pkt-line is.
type packetKind int

const (
	dataPacket packetKind = iota
	flushPacket
	delimiterPacket
	endPacket
)

// maxPacket is the largest pkt-line (git: LARGE_PACKET_MAX).
const maxPacket = 65520

// packetReader reads pkt-lines. The data is valid until the next call.
type packetReader struct {
	r      io.Reader
	buffer []byte
}

// next gives one pkt-line. What the server says with ERR is a *RemoteError or
// ErrNoCommit, an end within one is errCut, at the border io.EOF.
func (p *packetReader) next() ([]byte, packetKind, error) {
	if p.buffer == nil {
		p.buffer = make([]byte, maxPacket)
	}
	head := p.buffer[:4]
	if _, err := io.ReadFull(p.r, head); err == io.ErrUnexpectedEOF {
		return nil, 0, errCut
	} else if err != nil {
		return nil, 0, err
	}
	n, err := strconv.ParseUint(string(head), 16, 16)
	switch {
	case err != nil || n == 3 || n > maxPacket:
		return nil, 0, fmt.Errorf("%w: %q begins no pkt-line", ErrNotGit, head)
	case n == 0:
		return nil, flushPacket, nil
	case n == 1:
		return nil, delimiterPacket, nil
	case n == 2:
		return nil, endPacket, nil
	}
	data := p.buffer[:n-4]
	if _, err := io.ReadFull(p.r, data); err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, 0, errCut
	} else if err != nil {
		return nil, 0, err
	}
	if text, failed := bytes.CutPrefix(data, []byte("ERR ")); failed {
		return nil, 0, remoteError(string(text))
	}
	return data, dataPacket, nil
}

// line gives a pkt-line as text. An end of the stream is errCut.
func (p *packetReader) line() (string, packetKind, error) {
	data, kind, err := p.next()
	if err == io.EOF {
		err = errCut
	}
	return strings.TrimSuffix(string(data), "\n"), kind, err
}

// remoteError keeps what a server says short and in one line.
func remoteError(text string) error {
	text = oneLine(text)
	if strings.Contains(text, "not our ref") || strings.Contains(text, "no such ref") {
		return fmt.Errorf("%w (%s)", ErrNoCommit, text)
	}
	return &RemoteError{text}
}

func oneLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	const limit = 200
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// packets writes pkt-lines.
type packets struct{ bytes.Buffer }

func (p *packets) line(text string) *packets {
	fmt.Fprintf(p, "%04x%s\n", len(text)+5, text)
	return p
}

func (p *packets) flush() *packets {
	p.WriteString("0000")
	return p
}

func (p *packets) delimiter() *packets {
	p.WriteString("0001")
	return p
}

// sideband takes the pack out of a stream of pkt-lines that also carries the
// server's progress, which is dropped, and its last words.
type sideband struct {
	packets *packetReader
	rest    []byte
	err     error
}

func (s *sideband) Read(b []byte) (int, error) {
	for len(s.rest) == 0 && s.err == nil {
		data, kind, err := s.packets.next()
		switch {
		case err == io.EOF:
			s.err = errCut
		case err != nil:
			s.err = err
		case kind != dataPacket:
			s.err = io.EOF
		case len(data) == 0:
		case data[0] == 1:
			s.rest = data[1:]
		case data[0] == 2:
		case data[0] == 3:
			s.err = remoteError(string(data[1:]))
		default:
			s.err = fmt.Errorf("%w: band %d", ErrNotGit, data[0])
		}
	}
	if len(s.rest) == 0 {
		return 0, s.err
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
