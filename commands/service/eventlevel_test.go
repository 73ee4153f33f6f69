package service

import "testing"

func TestLevelsOfLines(t *testing.T) {
	for line, want := range map[string]eventLevel{
		`time="2025-11-25T22:46:22Z" level=info msg="no error here"`: infoEvent,
		`time="2025-11-25T22:46:22Z" level=warning msg=x`:            warningEvent,
		`time="2025-11-25T22:46:22Z" level=error msg=x`:              errorEvent,
		`{"level":"fatal","msg":"x"}`:                                errorEvent,
		`{"level":"warning","msg":"x"}`:                              warningEvent,
		`{"level":"debug","msg":"x"}`:                                infoEvent,
		"plain":                                                      infoEvent,
		"":                                                           infoEvent,
	} {
		if got := levelOf([]byte(line)); got != want {
			t.Errorf("%s: got %d, want %d", line, got, want)
		}
	}
}
