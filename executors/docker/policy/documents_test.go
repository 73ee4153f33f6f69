package policy

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// class is the section of docs/containers.md that an option belongs to.
func class(o option) string {
	switch {
	case o.never != "":
		return "Never"
	case o.name == "publish-all" || o.apply == nil:
		return "Without an effect"
	case o.guard == nil || o.name == "ulimit":
		return "For everybody"
	}
	return "With a permission"
}

var longOption = regexp.MustCompile("`--([a-z0-9-]+)`")

func TestThePageHasEveryOptionOnceInItsSection(t *testing.T) {
	data, err := os.ReadFile("../../../docs/containers.md")
	if err != nil {
		t.Fatal(err)
	}
	section, found := "", map[string]string{}
	for line := range strings.Lines(string(data)) {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			section = strings.TrimSpace(heading)
		}
		cells := strings.Split(line, "|")
		if len(cells) < 3 || section == "" {
			continue
		}
		for _, m := range longOption.FindAllStringSubmatch(cells[1], -1) {
			if found[m[1]] != "" {
				t.Errorf("--%s is there twice", m[1])
			}
			found[m[1]] = section
		}
	}
	for _, known := range knownOptions() {
		if got, want := found[known.name], class(known); got != want {
			t.Errorf("--%s is in the section %q, want %q", known.name, got, want)
		}
		delete(found, known.name)
	}
	if len(found) > 0 {
		t.Errorf("not options: %v", found)
	}
}
