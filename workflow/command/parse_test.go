package command

import (
	"strings"
	"testing"
)

func TestParseReadsCommands(t *testing.T) {
	tests := []struct {
		claim, line string
		name        Name
		data        string
		properties  map[string]string
	}{
		{"name and data", "::debug::hello", Debug, "hello", nil},
		{"no data", "::endgroup::", EndGroup, "", nil},
		{"properties", "::error file=a.go,line=3::boom", Error, "boom", map[string]string{"file": "a.go", "line": "3"}},
		{"white space before", " \t::notice::n", Notice, "n", nil},
		{"the name ignores case", "::Set-Output name=a::1", SetOutput, "1", map[string]string{"name": "a"}},
		{"keys ignore case", "::error FILE=x::y", Error, "y", map[string]string{"file": "x"}},
		{"colons in the data stay", "::group::a::b", Group, "a::b", nil},
		{"equal signs in a value stay", "::set-output name=a=b::1", SetOutput, "1", map[string]string{"name": "a=b"}},
		{"empty values are dropped", "::error file=,line=2::m", Error, "m", map[string]string{"file": "", "line": "2"}},
		{"keys are trimmed", "::error file=a, line=2::m", Error, "m", map[string]string{"line": "2"}},
		{"data escapes", "::debug::100%25 %0D%0A%3A%2C", Debug, "100% \r\n%3A%2C", nil},
		{"the percent sign is decoded last", "::debug::%250A", Debug, "%0A", nil},
		{"property escapes", "::error title=a%3Ab%2Cc%25%0A::m", Error, "m", map[string]string{"title": "a:b,c%\n"}},
		{"the later of equal keys wins", "::error file=a,file=b::m", Error, "m", map[string]string{"file": "b"}},
		{"brackets", "##[error]boom", Error, "boom", nil},
		{"brackets anywhere in the line", "12:00 ##[warning]careful", Warning, "careful", nil},
		{"brackets with properties", "##[set-output name=a;x=y;]1", SetOutput, "1", map[string]string{"name": "a", "x": "y"}},
		{"brackets have escapes of their own", "##[error title=a%3Bb%5Dc]m%5D%3B", Error, "m];", map[string]string{"title": "a;b]c"}},
		{"brackets behind an unknown word in colons", "::what::##[error]x", Error, "x", nil},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			c, ok := Parse(test.line)
			if !ok {
				t.Fatalf("Parse(%q) found no command", test.line)
			}
			if c.Name != test.name || c.Data != test.data {
				t.Errorf("Parse(%q) = %s %q, want %s %q", test.line, c.Name, c.Data, test.name, test.data)
			}
			for key, want := range test.properties {
				if got := c.Property(key); got != want {
					t.Errorf("property %s = %q, want %q", key, got, want)
				}
			}
		})
	}
}

func TestParseLeavesOutputAlone(t *testing.T) {
	for _, line := range []string{
		"", "hello", "::", "::::", ":: ::", "::unknown::x", "x ::error::y", "::error", "::error:y",
		"##[", "##[]", "##[unknown]x", "##[error", "# [error]x", "##[command]ls", "::resume::x", "::er ror::",
	} {
		if c, ok := Parse(line); ok {
			t.Errorf("Parse(%q) = %+v, want no command", line, c)
		}
	}
}

func TestAnnotationFoldsPlaceAndTitle(t *testing.T) {
	tests := []struct{ line, want string }{
		{"::error::boom", "boom"},
		{"::error file=a.go::boom", "a.go: boom"},
		{"::error file=a.go,line=3::boom", "a.go:3: boom"},
		{"::error file=a.go,line=3,col=7,endLine=4,endColumn=1::boom", "a.go:3:7: boom"},
		{"::error file=a.go,line=3,column=7::boom", "a.go:3:7: boom"},
		{"::error file=a.go,col=7::boom", "a.go: boom"},
		{"::error line=3::boom", "line 3: boom"},
		{"::warning title=Old::gone soon", "Old: gone soon"},
		{"::notice file=a.go,line=1,title=T::m", "a.go:1: T: m"},
	}
	for _, test := range tests {
		c, ok := Parse(test.line)
		if got := c.Annotation(); !ok || got != test.want {
			t.Errorf("Annotation of %q = %q, want %q", test.line, got, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"::error file=a,line=1::m", "##[group x=1;]t", "::stop-commands::tok", "::set-output name=%25::%0A", "::::", "x##[error]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := Parse(line)
		if !ok {
			return
		}
		if _, known := lookup(string(c.Name)); !known {
			t.Errorf("Parse(%q) made up the command %q", line, c.Name)
		}
		if len(c.Data) > len(line) {
			t.Errorf("Parse(%q) gave more data than the line has: %q", line, c.Data)
		}
		c.Annotation()
	})
}

// FuzzEscapes writes data as the toolkit does and reads it back.
func FuzzEscapes(f *testing.F) {
	f.Add("100%\r\n", "a:b,c%")
	f.Add("%0A", "%2C")
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	f.Fuzz(func(t *testing.T, text, title string) {
		c, ok := Parse("::error title=" + property.Replace(title) + "::" + data.Replace(text))
		if !ok || c.Data != text || c.Property("title") != title {
			t.Errorf("read back %q and %q, wrote %q and %q", c.Data, c.Property("title"), text, title)
		}
	})
}
