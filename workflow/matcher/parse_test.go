package matcher

import (
	"strings"
	"testing"
)

func TestParseIsLenientAsEditorsAre(t *testing.T) {
	tests := []struct{ claim, text, owners string }{
		{"an empty file has no matchers", "", ""},
		{"null has no matchers", "null", ""},
		{"other keys are ignored", `{"version": 1, "problemMatcher": [{"owner": "a", "fileLocation": ["relative"], "pattern": [{"regexp": "(x)", "kind": "file", "message": 1}]}]}`, "a"},
		{"keys ignore case", `{"ProblemMatcher": [{"Owner": "a", "Pattern": [{"RegExp": "(x)", "Message": 1}]}]}`, "a"},
		{"groups may be in quotes or null", `{"problemMatcher": [{"owner": "a", "pattern": [{"regexp": "(x)", "message": "1", "file": null}]}]}`, "a"},
		{"comments and commas at the end", "// c\n{\"problemMatcher\": [/* , */ {\"owner\": \"//a,]\", \"pattern\": [{\"regexp\": \"(x)\", \"message\": 1,},],}, // ]\n],}", "//a,]"},
		{"a byte order mark", "\xef\xbb\xbf{\"problemMatcher\": []}", ""},
		{"several matchers", `{"problemMatcher": [{"owner": "a", "pattern": [{"message": 0}]}, {"owner": "b", "severity": "Notice", "pattern": [{"message": 0}]}]}`, "a b"},
		{"a message group of the whole match", `{"problemMatcher": [{"owner": "a", "pattern": [{"regexp": "x", "message": 0}]}]}`, "a"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			var got []string
			for _, m := range mustParse(t, test.text) {
				got = append(got, m.Owner())
			}
			if strings.Join(got, " ") != test.owners {
				t.Errorf("owners %q, want %q", got, test.owners)
			}
		})
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	one := func(pattern string) string {
		return `{"problemMatcher": [{"owner": "own", "pattern": [` + pattern + `]}]}`
	}
	tests := []struct {
		claim, text string
		want        []string
	}{
		{"no JSON", "{\n\n  x}", []string{"line 3", "'x'"}},
		{"cut off", `{"problemMatcher": [`, []string{"line 1", "end of JSON"}},
		{"not an object", "[]", []string{"line 1", "array"}},
		{"a wrong type", "{\"problemMatcher\": [{\n\"owner\": 3}]}", []string{"line 2", "owner", "number"}},
		{"one pattern for a list", `{"problemMatcher": [{"owner": "own", "pattern": {}}]}`, []string{"pattern", "object"}},
		{"no owner", `{"problemMatcher": [{"owner": "a", "pattern": [{"message": 0}]}, {"pattern": []}]}`, []string{"problem matcher 2", "owner"}},
		{"no pattern", `{"problemMatcher": [{"owner": "own"}]}`, []string{`"own"`, "no pattern"}},
		{"an unknown severity", `{"problemMatcher": [{"owner": "own", "severity": "info", "pattern": [{"message": 0}]}]}`, []string{`"own"`, `"info"`, "notice"}},
		{"two of one owner", `{"problemMatcher": [{"owner": "own", "pattern": [{"message": 0}]}, {"owner": "OWN", "pattern": [{"message": 0}]}]}`, []string{`"OWN"`, "two"}},
		{"a faulty expression", one(`{"regexp": "x", "file": 0}, {"regexp": "a(", "message": 0}`), []string{`"own"`, "pattern 2", "regexp"}},
		{"a faulty quantifier", one(`{"regexp": "*a", "message": 0}`), []string{`"own"`, "pattern 1", "regexp"}},
		{"too long an expression", one(`{"regexp": "` + strings.Repeat("a", 20<<10) + `", "message": 0}`), []string{"20480 bytes"}},
		{"a group that is not there", one(`{"regexp": "(a)(?:b)", "message": 2}`), []string{`"own"`, "pattern 1", "message", "group 2", "is 1"}},
		{"a negative group", one(`{"regexp": "(a)", "message": -1}`), []string{"message", "group -1"}},
		{"no number", one(`{"regexp": "(a)", "message": "first"}`), []string{`"own"`, "pattern 1", "message", `"first"`}},
		{"a property twice", one(`{"regexp": "(a)", "line": 1}, {"regexp": "(b)", "line": 1, "message": 1}`), []string{"pattern 2", "line", "twice"}},
		{"no message", one(`{"regexp": "(a)", "line": 1}`), []string{`"own"`, "message"}},
		{"loop in a single pattern", one(`{"regexp": "(a)", "message": 1, "loop": true}`), []string{"pattern 1", "loop"}},
		{"loop before the last", one(`{"regexp": "(a)", "message": 1, "loop": true}, {"regexp": "b"}`), []string{"pattern 1", "loop"}},
		{"loop without a message", one(`{"regexp": "(a)", "message": 1}, {"regexp": "b", "loop": true}`), []string{"pattern 2", "loop", "message"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			matchers, err := Parse([]byte(test.text))
			if err == nil {
				t.Fatalf("%d matchers", len(matchers))
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
		})
	}
}

// FuzzParse also scans, since what is parsed must be usable.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"gcc", "eslint-stylish", "csc", "rustc"} {
		f.Add([]byte(read(f, name+".json")), read(f, name+".txt"))
	}
	f.Add([]byte(`{"problemMatcher":[{"owner":"a","pattern":[{"regexp":"[\\w-\\]]{2,}(?i)\\u00e9\\1","message":0}]}]}`), "aa")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		matchers, err := parse(data, fuzzTime)
		if err != nil {
			if len(matchers) > 0 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d matchers with the error %q", len(matchers), err)
			}
			return
		}
		var s Set
		s.Add(matchers)
		for line := range strings.SplitSeq(text, "\n") {
			s.Scan(line)
		}
	})
}
