package tomltext

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntriesHavePathsAndLines(t *testing.T) {
	const text = `# a comment
concurrent = 4
"quoted key".'x.y' = 1 # with a remark
text = """
[[runners]]
not = "a key"
\""" still in it """"
other = '''
# no comment
'''
list = [ "a", # one
  "]", [1, 2],
  { name = "in line", deep.er = 2 },
]

[ polling ]
interval_max = 2024-01-01 10:00:00
point = { x = 1,
  y = { z = "}" }, # TOML 1.1
}
[[runners]]
name = "a"
  [runners.shell]
  user = "u"
  [[runners.more]]
  n = 1
  [[runners.more]]
  n = 2
[[runners]]
shell.user = "v"
`
	want := []Entry{
		{Value, []string{"concurrent"}, `concurrent`, 2},
		{Value, []string{"quoted key", "x.y"}, `"quoted key"."x.y"`, 3},
		{Value, []string{"text"}, `text`, 4},
		{Value, []string{"other"}, `other`, 8},
		{Value, []string{"list"}, `list`, 11},
		{Value, []string{"list", "name"}, `list[3].name`, 13},
		{Value, []string{"list", "deep", "er"}, `list[3].deep.er`, 13},
		{Table, []string{"polling"}, `polling`, 16},
		{Value, []string{"polling", "interval_max"}, `polling.interval_max`, 17},
		{Value, []string{"polling", "point"}, `polling.point`, 18},
		{Value, []string{"polling", "point", "x"}, `polling.point.x`, 18},
		{Value, []string{"polling", "point", "y"}, `polling.point.y`, 19},
		{Value, []string{"polling", "point", "y", "z"}, `polling.point.y.z`, 19},
		{ArrayTable, []string{"runners"}, `runners[0]`, 21},
		{Value, []string{"runners", "name"}, `runners[0].name`, 22},
		{Table, []string{"runners", "shell"}, `runners[0].shell`, 23},
		{Value, []string{"runners", "shell", "user"}, `runners[0].shell.user`, 24},
		{ArrayTable, []string{"runners", "more"}, `runners[0].more[0]`, 25},
		{Value, []string{"runners", "more", "n"}, `runners[0].more[0].n`, 26},
		{ArrayTable, []string{"runners", "more"}, `runners[0].more[1]`, 27},
		{Value, []string{"runners", "more", "n"}, `runners[0].more[1].n`, 28},
		{ArrayTable, []string{"runners"}, `runners[1]`, 29},
		{Value, []string{"runners", "shell", "user"}, `runners[1].shell.user`, 30},
	}
	if diff := cmp.Diff(want, Scan([]byte(text)).Entries()); diff != "" {
		t.Error(diff)
	}
}

func TestLineFallsBackToTheTableAround(t *testing.T) {
	doc := Scan([]byte("\xef\xbb\xbfa = 1\r\n[[r]]\r\nName = 'x'\r\n[r.\"s.t\"]\r\nl = [1,\n2]"))
	for path, want := range map[string]int{
		"a":               1,
		"r[0]":            2,
		"r[0].name":       3,
		"r[0].missing":    2,
		`r[0]."s.t".u`:    4,
		"r[1].name":       0,
		"b":               0,
		`r[0]."s.t".l`:    5,
		`r[0]."s.t".l[0]`: 5,
		`r[0]."s.t".l[1]`: 6,
		`r[0]."s.t".l[2]`: 5,
		"":                0,
	} {
		if got := doc.Line(path); got != want {
			t.Errorf("Line(%q) = %d, want %d", path, got, want)
		}
	}
}

func TestEscapesInKeysAreResolved(t *testing.T) {
	doc := Scan([]byte(`"a\tb\"\\\u00e9\U0001f600\x41\e\q\u00" = 1`))
	want := "a\tb\"\\é😀A\x1b\\q\\u00"
	if got := doc.Entries()[0].Keys[0]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBrokenLinesDoNotHideTheOthers(t *testing.T) {
	for _, broken := range []string{
		"= 1", "a", "a =", "[x", "[[x]", "[]", `a = "x`, "a = [1 2]", "a = { b }", `"a`, "\x00", "a..b = 1", "a = 'x",
	} {
		doc := Scan([]byte(broken + "\nz = 1\n"))
		entries := doc.Entries()
		if len(entries) == 0 || entries[len(entries)-1].Keys[0] != "z" || doc.Line("z") != 2 {
			t.Errorf("%q: %v", broken, entries)
		}
	}
}

func TestDeepNestingIsGivenUp(t *testing.T) {
	deep := make([]byte, 0, 1<<20)
	deep = append(deep, "a = "...)
	for len(deep) < 1<<20 {
		deep = append(deep, '[')
	}
	Scan(deep)
}
