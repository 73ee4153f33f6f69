package common

import (
	"testing"
	"time"
)

func TestDurationsAreWrittenShortAndReadBack(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "30m": 30 * time.Minute, "3h": 3 * time.Hour, "1h30m": 90 * time.Minute, "1h0m5s": time.Hour + 5*time.Second,
		"7.5s": 7500 * time.Millisecond, "10s": 10 * time.Second, "20m10s": 20*time.Minute + 10*time.Second, "10h": 10 * time.Hour,
	} {
		if got := Duration(want).String(); got != text {
			t.Errorf("%v is written %q, want %q", want, got, text)
		}
		var back Duration
		if err := back.UnmarshalText([]byte(text)); err != nil || back.Std() != want {
			t.Errorf("%q is read as %v, %v", text, back.Std(), err)
		}
	}
}

func TestDurationsTakeSeconds(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  time.Duration
		ok    bool
	}{
		{int64(5), 5 * time.Second, true}, {1.5, 1500 * time.Millisecond, true}, {"5", 5 * time.Second, true}, {"2m", 2 * time.Minute, true},
		{"soon", 0, false}, {true, 0, false}, {1e300, 0, false},
	} {
		var d Duration
		if err := d.UnmarshalTOML(tt.value); (err == nil) != tt.ok || d.Std() != tt.want {
			t.Errorf("%v: got %v, %v", tt.value, d.Std(), err)
		}
	}
}

func TestSizesAreReadAndWritten(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  Size
		text  string
	}{
		{int64(1), 1, "1"}, {"64KiB", 64 << 10, "64KiB"}, {"1 GiB", 1 << 30, "1GiB"}, {"10MB", 10e6, "10000000"}, {"5B", 5, "5"}, {"0", 0, "0"}, {"1024", 1024, "1KiB"},
	} {
		var s Size
		if err := s.UnmarshalTOML(tt.value); err != nil || s != tt.want || s.String() != tt.text {
			t.Errorf("%v: got %d (%s), %v", tt.value, int64(s), s, err)
		}
	}
	for _, bad := range []any{"-1", "1.5MiB", "9999999999GiB", "many", 1.5, true} {
		var s Size
		if err := s.UnmarshalTOML(bad); err == nil {
			t.Errorf("%v is taken as %d", bad, int64(s))
		}
	}
}

func TestSwitch(t *testing.T) {
	for _, tt := range []struct {
		value    any
		auto, on bool
	}{
		{"auto", true, true}, {"auto", false, false}, {true, false, true}, {"true", false, true}, {false, true, false}, {"false", true, false},
	} {
		var s Switch
		if err := s.UnmarshalTOML(tt.value); err != nil || s.On(tt.auto) != tt.on {
			t.Errorf("%v, auto %v: got %v, %v", tt.value, tt.auto, s.On(tt.auto), err)
		}
	}
	var s Switch
	if err := s.UnmarshalTOML("yes"); err == nil {
		t.Error("yes is taken")
	}
}

func TestPlainNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "7": true, "Team-a_7": true, "12345678": true,
		"": false, "-a": false, "_a": false, "a.b": false, "a/b": false, "a\n": false, "ä": false, "123456789": false,
	} {
		if got := IsPlainName(name, 8); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}
