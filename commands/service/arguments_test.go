package service

import (
	"slices"
	"testing"
)

func TestTheArgumentsOfADefinitionAreReadBack(t *testing.T) {
	for name, form := range map[string]struct {
		text func(Spec) (string, error)
		back func(string) ([]string, error)
	}{
		"systemd": {unitText, unitArguments},
		"launchd": {plistText, func(text string) ([]string, error) { return plistArguments([]byte(text)) }},
	} {
		for _, spec := range []Spec{plainSpec(), hostileSpec()} {
			text, err := form.text(spec)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := form.back(text); err != nil || !slices.Equal(got, spec.Arguments()) {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, spec.Arguments())
			}
		}
		if got, err := form.back("nothing of the kind"); err == nil {
			t.Errorf("%s: %q out of nothing", name, got)
		}
	}
}
