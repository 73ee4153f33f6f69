package expression

import (
	"errors"
	"strings"
	"testing"
)

var fuzzSeeds = []string{
	"", "1", "-0x1f", "'it''s'", "github.ref == 'refs/heads/main'", "a && b || !c", "list.*['x'].*[0]", "(((1)))",
	"format('{0}{{{1}}}', 1, list)", "fromJSON(toJSON(other)).a", "case(true, 1, 2)", "join(list, ', ')", "contains(list, 'a')",
	"startsWith('a', 'b') != endsWith('c', null)", "1 < 2 <= 3 > 4 >= 5", "success() && always()", "list[", "'", "1e", "a..b", "f(,)",
	"NaN == Infinity", ".5 + 1", "\x00\xff", "${{ 1 }}", "mixed[4][fromJSON('0')]", "toJSON(github.event.*.*.*)", "!!!!!!'x'",
}

// Whatever the source, an error is an *Error at a place in it, and evaluating
// what parses ends.
func FuzzEval(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	scope := testScope(f)
	f.Fuzz(func(t *testing.T, src string) {
		v, err := evalAny(src, scope)
		if err == nil {
			_ = v.Text() + v.JSON()
			return
		}
		failure := new(Error)
		if !errors.As(err, &failure) {
			t.Fatalf("%q: %T", src, err)
		}
		if failure.Pos < -1 || failure.Pos > len(src) || failure.Expr != src || failure.Error() == "" {
			t.Fatalf("%q: %#v", src, failure)
		}
	})
}

// An expression means the same in brackets, in ${{ }}, in a condition and with
// white space around it.
func FuzzWrapping(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	scope := testScope(f)
	f.Fuzz(func(t *testing.T, src string) {
		want, err := evalAny(src, scope)
		if err != nil || len(src) > 1000 {
			return
		}
		if got, err := evalAny("\t("+src+") ", scope); err != nil || !same(got, want) {
			t.Fatalf("(%q): got %s, %v, want %s", src, got.JSON(), err, want.JSON())
		}
		tmpl, err := ParseTemplate("${{ " + src + " }}")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tmpl.Eval(scope); err != nil || !same(got, want) {
			t.Fatalf("${{ %q }}: got %s, %v, want %s", src, got.JSON(), err, want.JSON())
		}
		cond, err := Condition("${{ " + src + " }}")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cond.Eval(scope); err != nil || got.Truthy() != want.Truthy() {
			t.Fatalf("if: %q: got %s, %v, want %s", src, got.JSON(), err, want.JSON())
		}
	})
}

// A template without expressions is its own text, and none panics.
func FuzzTemplate(f *testing.F) {
	for _, seed := range append(fuzzSeeds, "a ${{ 1 }} b", "${{ '}}' }}", "${{", "}}${{ 1 }}${{ 2 }}{", "${{ ${{ 1 }} }}") {
		f.Add(seed)
	}
	scope := testScope(f)
	f.Fuzz(func(t *testing.T, text string) {
		if cond, err := Condition(text); err == nil {
			_, _ = cond.Eval(scope)
		}
		tmpl, err := ParseTemplate(text)
		if err != nil {
			return
		}
		v, err := tmpl.Eval(scope)
		if tmpl.IsLiteral() && (err != nil || v != String(text)) {
			t.Fatalf("%q: got %s, %v", text, v.JSON(), err)
		}
	})
}

// Ignoring case, strings are ordered totally, and equal ones fold to one key.
func FuzzFold(f *testing.F) {
	f.Add("a", "B", "c")
	f.Add("ß", "SS", "ẞ")
	f.Add("İ", "ı", "I")
	f.Add("😀", "\ufffd", "\ue000")
	f.Add("\xff", "\xfe", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		a, b, c = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?"), strings.ToValidUTF8(c, "?")
		if compareFold(a, b) != -compareFold(b, a) {
			t.Errorf("%q and %q have no order", a, b)
		}
		if compareFold(a, b) <= 0 && compareFold(b, c) <= 0 && compareFold(a, c) > 0 {
			t.Errorf("%q, %q, %q are in a circle", a, b, c)
		}
		if (foldCase(a) == foldCase(b)) != equalFold(a, b) {
			t.Errorf("%q and %q: the keys say %t", a, b, !equalFold(a, b))
		}
		if foldCase(foldCase(a)) != foldCase(a) {
			t.Errorf("%q folds twice", a)
		}
	})
}
