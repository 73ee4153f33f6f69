package expression

import (
	"errors"
	"strings"
	"testing"
)

func TestLengthLimit(t *testing.T) {
	quoted := func(n int) string { return "'" + strings.Repeat("x", n-2) + "'" }
	cases := map[string]struct {
		src string
		ok  bool
	}{
		"21000 characters":                   {quoted(21000), true},
		"21001 characters":                   {quoted(21001), false},
		"21000 characters of two bytes":      {"'" + strings.Repeat("ü", 20998) + "'", true},
		"10500 characters that count double": {"'" + strings.Repeat("😀", 10499) + "'", true},
		"10501 characters that count double": {"'" + strings.Repeat("😀", 10500) + "'", false},
		"21001 with white space":             {"1" + strings.Repeat(" ", 21000), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.src)
			if (err == nil) != c.ok {
				t.Fatalf("got %v, want ok %t", err, c.ok)
			}
			if err != nil && !strings.Contains(err.Error(), "Exceeded max expression length 21000") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDepthLimit(t *testing.T) {
	nest := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	cases := map[string]struct {
		src string
		ok  bool
	}{
		"49 times not":                  {nest("!", "1", "", 49), true},
		"50 times not":                  {nest("!", "1", "", 50), false},
		"49 functions":                  {nest("join(", "1", ")", 49), true},
		"50 functions":                  {nest("join(", "1", ")", 50), false},
		"49 properties":                 {"a" + strings.Repeat(".b", 49), true},
		"50 properties":                 {"a" + strings.Repeat(".b", 50), false},
		"50 indexes":                    {nest("a[", "1", "]", 50), false},
		"49 comparisons":                {"1" + strings.Repeat(" == 1", 49), true},
		"50 comparisons":                {"1" + strings.Repeat(" == 1", 50), false},
		"wildcards":                     {"a" + strings.Repeat(".*", 50), false},
		"brackets do not count":         {nest("(", "1", ")", 10_000), true},
		"a chain of && is one":          {"1" + strings.Repeat(" && 1", 4000), true},
		"a chain of || is one":          {"1" + strings.Repeat("||1", 5000), true},
		"however it is grouped":         {nest("1 && (", "1", ")", 2900), true},
		"unlike chains nest":            {nest("1 && (1 || (", "1", "))", 25), false},
		"24 of them":                    {nest("1 && (1 || (", "1", "))", 24), true},
		"many open brackets":            {strings.Repeat("(", 21000), false},
		"many open calls":               {strings.Repeat("a(", 10_500), false},
		"many open indexes":             {strings.Repeat("a[", 10_500), false},
		"many nots":                     {strings.Repeat("!", 20_999) + "1", false},
		"many nots in brackets":         {nest("!(", "1", ")", 6000), false},
		"arguments beside each other":   {"format('x'" + strings.Repeat(", 1", 254) + ")", true},
		"more arguments than there are": {"format('x'" + strings.Repeat(", 1", 255) + ")", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e, err := Parse(c.src)
			failure := new(Error)
			if err != nil && (!errors.As(err, &failure) || failure.Stage != StageParsing) {
				t.Fatalf("got %.200v", err)
			}
			if (err == nil) != c.ok {
				t.Fatalf("got %.200v, want ok %t", err, c.ok)
			}
			if e != nil {
				if _, err := e.Eval(ScopeOf(NewObject(Pair{"a", Null}), nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
