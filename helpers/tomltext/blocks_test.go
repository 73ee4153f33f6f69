package tomltext

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// remove cuts the block out whose lines are marked with a leading "-", and
// compares with the text without them.
func checkRemove(t *testing.T, index int, marked string) {
	t.Helper()
	var before, after strings.Builder
	for line := range strings.Lines(marked) {
		before.WriteString(line[1:])
		if line[0] != '-' {
			after.WriteString(line[1:])
		}
	}
	doc := Scan([]byte(before.String()))
	got := doc.RemoveBlock(doc.Blocks("runners")[index])
	if diff := cmp.Diff(after.String(), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestRemoveBlockTakesWhatBelongsToItAndNothingElse(t *testing.T) {
	tests := []struct {
		name  string
		index int
		text  string
	}{
		{"in the middle", 1, `
 # The whole file.
 
 [[runners]]
 name = "a"
 # limit = 1
-
-# The second one.
-# It has two lines.
-[[runners]] # remark
-name = "b"
-
-# inside
-
-  # of shell
-  [runners.shell]
-  path = """
-[[runners]]
-"""
-# weight = 3
 
 # stands alone
 
 # The third one.
 [[runners]]
 name = "c"
`},
		{"the first of the file", 0, `
-# It.
-[[runners]]
-name = "a"
-
 [[runners]]
 name = "b"
`},
		{"the last of the file", 1, `
 [[runners]]
 name = "a"
-
-[[runners]]
-name = "b"
`},
		{"without blank lines", 1, `
 concurrent = 1
 # a
 [[runners]]
 name = "a"
 # limit = 3
-# b
-[[runners]]
-name = "b"
 # c
 [[runners]]
 name = "c"
`},
		{"with a sub-table elsewhere", 0, `
 concurrent = 1
-
-[[runners]]
-name = "a"
 
 [polling]
 interval_max = 1
-
-[runners.shell]
-path = "x"
 
 [metrics]
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkRemove(t, tt.index, strings.TrimPrefix(tt.text, "\n"))
		})
	}
}

func TestBlocksKnowTheirLines(t *testing.T) {
	doc := Scan([]byte("[[other]]\n[[runners]]\n[[runners.x]]\n\n# c\n[[ 'runners' ]]\n"))
	var got []int
	for _, b := range doc.Blocks("runners") {
		got = append(got, b.Line)
	}
	if diff := cmp.Diff([]int{2, 6}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAppendBlockPartsItByABlankLine(t *testing.T) {
	tests := []struct{ before, want string }{
		{"", "[[r]]\na = 1\n"},
		{"x = 1", "x = 1\n\n[[r]]\na = 1\n"},
		{"x = 1\n", "x = 1\n\n[[r]]\na = 1\n"},
		{"x = 1\n\n", "x = 1\n\n[[r]]\na = 1\n"},
		{"x = 1\r\n", "x = 1\r\n\r\n[[r]]\r\na = 1\r\n"},
	}
	for _, tt := range tests {
		if got := string(Scan([]byte(tt.before)).AppendBlock("[[r]]\na = 1\n")); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.before, got, tt.want)
		}
	}
}
