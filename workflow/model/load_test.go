package model

import (
	"fmt"
	"strings"
	"testing"
)

// bomb doubles its text with every level.
func bomb(levels int) string {
	var b strings.Builder
	b.WriteString("on: push\nx0: &x0 [lol, lol]\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "x%d: &x%d [*x%d, *x%d]\n", i, i, i-1, i-1)
	}
	return b.String()
}

func TestHostileInputIsRefused(t *testing.T) {
	long := strings.Repeat("a", 500_000)
	wide := strings.Repeat("- *x\n", 100)
	var keys, merges, nested strings.Builder
	for i := range 3_000 {
		fmt.Fprintf(&keys, "  k%d: v\n", i)
	}
	for i := range 20_000 {
		fmt.Fprintf(&merges, "- <<: *k\n  n%d: v\n", i)
	}
	fmt.Fprintf(&nested, "x0: &x0 %s1%s\n", strings.Repeat("[", 90), strings.Repeat("]", 90))
	for i := 1; i < 50; i++ {
		fmt.Fprintf(&nested, "x%d: &x%d %s*x%d%s\n", i, i, strings.Repeat("[", 90), i-1, strings.Repeat("]", 90))
	}
	for name, tt := range map[string]struct{ source, want string }{
		"too long":             {strings.Repeat("#", maxSource+1), "1048577 bytes are too many for a workflow, at most 1048576 are taken"},
		"alias bomb":           {bomb(60), "more than 100000 values, counting what aliases stand for"},
		"alias bomb in merges": {"k: &k\n" + keys.String() + "l:\n" + merges.String(), "more than 100000 values, counting what aliases stand for"},
		"long text repeated":   {"x: &x " + long + "\nl:\n" + wide, "more than 8388608 bytes of text, counting what aliases stand for"},
		"deep lists":           {strings.Repeat("[", 20_000), "exceeded max depth of 100"},
		"deep blocks":          {strings.Repeat("- ", 20_000), "exceeded max depth of 100"},
		"deep by aliases":      {nested.String(), "more than 100 lists and mappings within each other, counting what aliases stand for"},
		"alias of itself":      {"x: &x [*x]", "alias *x stands inside of what it refers to"},
		"merge of itself":      {"x: &x {<<: *x}", "alias *x stands inside of what it refers to"},
		"too many values":      {"[" + strings.Repeat("1,", maxNodes) + "]", "more than 100000 values"},
		"unknown alias":        {"x: *y", "unknown anchor 'y' referenced"},
		"key twice":            {"x: 1\ny: 2\nx: 3", `x.yml:3: key "x" stands here again, it is already in line 1`},
		"merge key twice":      {"a: &a {}\nx:\n  <<: *a\n  <<: *a", "a second << in one mapping, give one << a list instead"},
		"merge of a text":      {"x: {<<: y}", "<< takes a mapping or a list of mappings, not a text"},
		"list as key":          {"? [a]\n: b", "a key must be a text, this one is a list"},
		"two documents":        {"a: b\n---\nc: d", "x.yml:2: a second YAML document starts here, a workflow is one document"},
		"foreign tag":          {"a: !!binary aGk=", "tag !!binary is not part of the workflow language"},
		"tag on a list":        {"a: !!str [b]", "tag !!str on a list"},
		"tag on a mapping":     {"a: !x {b: c}", "tag !x on a mapping"},
		"tag that is not so":   {"a: !!int b", `"b" is not a !!int`},
		"control characters":   {"a: \x01", "control characters are not allowed"},
		"tab as indentation":   {"a:\n\tb: c", "not valid YAML"},
		"broken":               {"on: push\njobs: [", "x.yml:3: not valid YAML: did not find expected node content, while parsing a flow node"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x.yml", []byte(tt.source))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %.300v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestAliasesAndMergeKeysAreReplaced(t *testing.T) {
	v := value(t, `
  base: &base {a: 1, b: 2}
  more: &more {b: 3, c: 4}
  copy: *base
  one: {<<: *base, b: own}
  two: {c: own, <<: [*base, *more]}
  quoted: {"<<": text}
`)
	got, err := v.Eval(scope(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"base":{"a":1,"b":2},"more":{"b":3,"c":4},"copy":{"a":1,"b":2},` +
		`"one":{"b":"own","a":1},"two":{"c":"own","a":1,"b":2},"quoted":{"<<":"text"}}`
	if compact(got) != want {
		t.Errorf("got\n%s\nwant\n%s", compact(got), want)
	}
}

func TestScalarsAreTypedByTheCoreSchema(t *testing.T) {
	for source, want := range map[string]string{
		"1": "1", "-1": "-1", "+1": "1", "017": "17", "0x1F": "31", "0o17": "15", "1.50": "1.5", ".5": "0.5", "-.5": "-0.5", "1.": "1", "1e3": "1000",
		"1E-2": "0.01", "1e400": "Infinity", ".inf": "Infinity", "-.INF": "-Infinity", ".nan": "NaN", "!!float 1": "1", "!!int 7": "7",
		"true": "true", "True": "true", "FALSE": "false", "null": "null", "~": "null", "": "null", "Null": "null",
		"1_000": `"1_000"`, "0b11": `"0b11"`, "yes": `"yes"`, "on": `"on"`, "2020-01-01": `"2020-01-01"`, "1e": `"1e"`, ".": `"."`,
		"+-1": `"+-1"`, "--.inf": `"--.inf"`, "-.nan": `"-.nan"`, "0x": `"0x"`, "0X1": `"0X1"`, "12:30": `"12:30"`, "1.2.3": `"1.2.3"`,
		`"1"`: `"1"`, "'true'": `"true"`, "!!str 1": `"1"`, "|\n 1\n": `"1\n"`, "nil": `"nil"`,
	} {
		t.Run(source, func(t *testing.T) {
			got, err := value(t, source).Eval(scope(nil))
			if err != nil {
				t.Fatal(err)
			}
			text := got.JSON()
			if strings.Contains("Infinity -Infinity NaN", want) {
				text = got.Text()
			}
			if text != want {
				t.Errorf("%q is %s, want %s", source, text, want)
			}
		})
	}
}
