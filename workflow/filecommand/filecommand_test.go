package filecommand

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPairs(t *testing.T) {
	tests := []struct {
		claim, text string
		ends        LineEnds
		want        []Pair
	}{
		{"an empty file has none", "", LF, nil},
		{"blank lines are skipped", "\n\nA=1\n\n", LF, []Pair{{"A", "1"}}},
		{"the first equal sign splits", "A=b=c\n", LF, []Pair{{"A", "b=c"}}},
		{"spaces stay", " A = b \n", LF, []Pair{{" A ", " b "}}},
		{"a value may be empty", "A=\nB=2", LF, []Pair{{"A", ""}, {"B", "2"}}},
		{"<< after = is part of the value", "A=x<<EOF\n", LF, []Pair{{"A", "x<<EOF"}}},
		{"= after << is part of the delimiter", "A<<X=Y\nv\nX=Y\n", LF, []Pair{{"A", "v"}}},
		{"a block keeps inner ends of lines", "A<<EOF\none\n\ntwo\nEOF\nB=2\n", LF, []Pair{{"A", "one\n\ntwo"}, {"B", "2"}}},
		{"an empty block is empty", "A<<EOF\nEOF\n", LF, []Pair{{"A", ""}}},
		{"a block of one empty line is empty", "A<<EOF\n\nEOF\n", LF, []Pair{{"A", ""}}},
		{"the delimiter may be the last line without an end", "A<<EOF\nv\nEOF", LF, []Pair{{"A", "v"}}},
		{"a line that only starts as the delimiter goes on", "A<<E\nE \nEE\nE\n", LF, []Pair{{"A", "E \nEE"}}},
		{"the delimiter keeps its spaces", "A<< E\nv\n E\n", LF, []Pair{{"A", "v"}}},
		{"a carriage return stays on Unix", "A=1\r\nB<<E\r\nx\r\nE\r\n", LF, []Pair{{"A", "1\r"}, {"B", "x\r"}}},
		{"it belongs to the end on Windows", "A=1\r\nB<<E\r\nx\r\ny\r\nE\r\n", CRLF, []Pair{{"A", "1"}, {"B", "x\r\ny"}}},
		{"a lone line feed is an end on Windows too", "A=1\nB<<E\nx\nE\n", CRLF, []Pair{{"A", "1"}, {"B", "x"}}},
		{"a byte order mark is skipped", "\xef\xbb\xbfA=1\n", LF, []Pair{{"A", "1"}}},
		{"UTF-16 is read", "\xff\xfeA\x00=\x00\xe4\x00\n\x00", LF, []Pair{{"A", "ä"}}},
		{"both byte orders", "\xfe\xff\x00A\x00=\x001", LF, []Pair{{"A", "1"}}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got, err := Pairs([]byte(test.text), test.ends)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPairsNamesTheFaultAndKeepsWhatWasBefore(t *testing.T) {
	tests := []struct{ text, want string }{
		{"A=1\nnonsense\n", `line 2: "nonsense" is neither`},
		{"A=1\n=x\n", `line 2: "=x" has no name`},
		{"A=1\n<<EOF\nEOF\n", `line 2: "<<EOF" needs a name`},
		{"A=1\nB<<\n\n", `line 2: "B<<" needs a name`},
		{"A=1\nB<<EOF\nx\n", `line 2: no line with the delimiter follows "B<<EOF"`},
		{"A=1\nB<<EOF\nx", `the last line of the value has no end of line`},
		{"A=1\nB<<EOF\nEOF \n", `no line with the delimiter follows "B<<EOF"`},
		{"A=1\n" + strings.Repeat("x", 10_000), "line 2: a line of 10000 bytes is neither"},
		{"A=1\n\r\n", "line 2"},
	}
	for _, test := range tests {
		pairs, err := Pairs([]byte(test.text), LF)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 1000 {
			t.Errorf("Pairs(%.40q) gave %v, want an error with %q", test.text, err, test.want)
		}
		if diff := cmp.Diff([]Pair{{"A", "1"}}, pairs); diff != "" {
			t.Errorf("Pairs(%.40q): %s", test.text, diff)
		}
	}
}

func TestLines(t *testing.T) {
	got := Lines([]byte("/a\n\n/b c\r\n/d"))
	if diff := cmp.Diff([]string{"/a", "/b c", "/d"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTextSkipsTheByteOrderMark(t *testing.T) {
	if got := Text([]byte("\xef\xbb\xbf# Hi\n")); got != "# Hi\n" {
		t.Errorf("Text = %q", got)
	}
}

// FuzzPairs writes what it read as blocks, and must read the same again.
func FuzzPairs(f *testing.F) {
	for _, seed := range []string{"A=1\n", "A<<E\nx\ny\nE\n", "A<<E\nx", "=\n", "<<\n", "\xff\xfeA", "A=1\r\n"} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, windows bool) {
		ends := LF
		if windows {
			ends = CRLF
		}
		pairs, _ := Pairs(data, ends)
		var again strings.Builder
		for _, p := range pairs {
			if p.Name == "" {
				t.Fatalf("a pair without a name: %+v", p)
			}
			if strings.ContainsAny(p.Name, "=<\n") || p.Name[0] >= 0x80 {
				return
			}
			again.WriteString(p.Name + "<<delimiter-of-the-test\n" + p.Value + "\ndelimiter-of-the-test\n")
		}
		if windows && strings.Contains(again.String(), "\r") {
			return
		}
		got, err := Pairs([]byte(again.String()), ends)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pairs, got); diff != "" {
			t.Error(diff)
		}
	})
}
