package service

import "bytes"

// eventLevel is how grave an entry of a log is.
type eventLevel int

const (
	infoEvent eventLevel = iota
	warningEvent
	errorEvent
)

// levelOf reads it off a line of text or JSON.
func levelOf(line []byte) eventLevel {
	for level, names := range map[eventLevel][]string{
		warningEvent: {"warning"},
		errorEvent:   {"error", "fatal", "panic"},
	} {
		for _, name := range names {
			if bytes.Contains(line, []byte("level="+name+" ")) || bytes.Contains(line, []byte(`"level":"`+name+`"`)) {
				return level
			}
		}
	}
	return infoEvent
}
