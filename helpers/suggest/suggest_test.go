package suggest

import "testing"

func TestNearest(t *testing.T) {
	keys := []string{"labels", "limit", "log_level", "log_format", "url", "uuid", "token", "token_file"}
	for word, want := range map[string]string{
		"labls":     "labels",
		"lables":    "labels",
		"Limit":     "limit",
		"log-level": "log_level",
		"rul":       "url",
		"tokenfile": "token_file",
		"xyz":       "",
		"":          "",
		"docker":    "",
	} {
		if got := Nearest(word, keys); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := Nearest("labels", nil); got != "" {
		t.Errorf("without candidates: %q", got)
	}
}
