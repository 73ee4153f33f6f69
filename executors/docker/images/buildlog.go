package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"multirunner/helpers/ansi"
)

const (
	// buildTrace is the id of messages that hold BuildKit's own.
	buildTrace = "moby.buildkit.trace"
)

// readBuild shows what a builder says, and gives its error.
func readBuild(body io.Reader, log io.Writer) error {
	out := buildLog{log: log, told: map[string]bool{}}
	messages := json.NewDecoder(body)
	for {
		var m struct {
			Stream      string
			ID          string
			Aux         json.RawMessage
			Error       string
			ErrorDetail struct{ Message string }
		}
		if err := messages.Decode(&m); errors.Is(err, io.EOF) {
			out.flush()
			return nil
		} else if err != nil {
			return fmt.Errorf("the builder's answer: %w", err)
		}
		switch {
		case m.ErrorDetail.Message != "":
			out.flush()
			return errors.New(m.ErrorDetail.Message)
		case m.Error != "":
			out.flush()
			return errors.New(m.Error)
		case m.ID == buildTrace:
			var trace []byte
			if json.Unmarshal(m.Aux, &trace) == nil {
				out.trace(trace)
			}
		default:
			out.write(m.Stream)
		}
	}
}

// buildLog makes lines of a builder's output.
type buildLog struct {
	log  io.Writer
	part string
	told map[string]bool // steps of BuildKit whose name was shown
}

func (l *buildLog) write(text string) {
	l.part += text
	for {
		one, rest, ok := strings.Cut(l.part, "\n")
		if !ok {
			break
		}
		l.part = rest
		l.show(one)
	}
	if len(l.part) > 64<<10 { // a line without an end
		l.flush()
	}
}

func (l *buildLog) flush() {
	if l.part != "" {
		l.show(l.part)
	}
	l.part = ""
}

func (l *buildLog) show(text string) {
	text = strings.TrimRight(ansi.Strip(text), " \r")
	if strings.TrimSpace(text) != "" {
		line(l.log, "%s", strings.ToValidUTF8(text, "?"))
	}
}

// trace shows a message of BuildKit: the names of steps that have begun, and
// their output (BuildKit: api/services/control, StatusResponse).
func (l *buildLog) trace(message []byte) {
	const vertexes, logs = 1, 3
	eachField(message, func(number protowire.Number, value []byte) {
		switch number {
		case vertexes:
			const digest, name, cached, started = 1, 3, 4, 5
			step := fields(value)
			key := string(step[digest])
			if (step[started] != nil || step[cached] != nil) && !l.told[key] {
				l.told[key] = true
				l.show(string(step[name]))
			}
		case logs:
			const text = 4
			l.write(string(fields(value)[text]))
		}
	})
}

// fields gives the last value of each field of a message, of numbers too, as
// bytes.
func fields(message []byte) map[protowire.Number][]byte {
	found := map[protowire.Number][]byte{}
	eachField(message, func(number protowire.Number, value []byte) { found[number] = value })
	return found
}

func eachField(message []byte, do func(protowire.Number, []byte)) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return
		}
		value := message[:size]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		do(number, value)
		message = message[size:]
	}
}
