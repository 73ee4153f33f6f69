package command

import "testing"

func TestStopCommandsHoldsUntilItsToken(t *testing.T) {
	var s Scanner
	if err := s.Stop("a1b2c3d4"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"::error::x", "##[error]x", "::stop-commands::other", "a1b2c3d4", "::a1b2c3d4:", "x ::a1b2c3d4::"} {
		if c, ok := s.Scan(line); ok {
			t.Errorf("Scan(%q) = %+v while commands are stopped", line, c)
		}
	}
	if c, ok := s.Scan("  ::A1B2C3D4::"); !ok || c.Name != Resume {
		t.Errorf("the token did not resume: %+v, %v", c, ok)
	}
	if c, ok := s.Scan("::error::x"); !ok || c.Name != Error {
		t.Errorf("no command after the token: %+v, %v", c, ok)
	}
	if _, ok := s.Scan("::a1b2c3d4::"); ok {
		t.Error("the token is a command after it was used")
	}
}

func TestStopCommandsRefusesTokensThatAnythingCouldWrite(t *testing.T) {
	for _, token := range []string{"", "  ", "pause-logging", "Pause-Logging", "error", "Set-Output", "stop-commands"} {
		var s Scanner
		if err := s.Stop(token); err == nil {
			t.Errorf("Stop(%q) was accepted", token)
		}
		if s.Stopped() {
			t.Errorf("Stop(%q) stopped commands", token)
		}
	}
}

func BenchmarkScanPlainLine(b *testing.B) {
	var s Scanner
	b.ReportAllocs()
	for b.Loop() {
		s.Scan("2026-11-25T10:00:00Z building module 17 of 200: github.com/example/thing")
	}
}
