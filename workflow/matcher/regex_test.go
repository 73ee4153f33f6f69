package matcher

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2/v2"
)

const fuzzTime = 50 * time.Millisecond

func mustCompile(t testing.TB, expr string) *regex {
	t.Helper()
	r, err := compile(expr, time.Second)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return r
}

// The language is that of the regular expressions of GitHub's runner.
func TestExpressions(t *testing.T) {
	tests := []struct {
		expr, text string
		want       []string // nil for no match
	}{
		{`a(.)c`, "xabcx", []string{"abc", "b"}},
		{`^(.*?):(\d+)$`, "a:b:12", []string{"a:b:12", "a:b", "12"}},
		{`(a)|(b)`, "b", []string{"b", "", "b"}},
		{``, "x", []string{""}},
		{`a.c`, "a\rc", []string{"a\rc"}},
		{`a$`, "a\r", nil},
		{`\d`, "٣", nil},
		{`^\w+$`, "é", nil},
		{`\bé`, "xé", []string{"é"}},
		{`a\sb`, "a\vb", []string{"a\vb"}},
		{`a\sb`, "a\u00a0b", nil},
		{`[\s]`, "\v", []string{"\v"}},
		{`^\S$`, "\v", nil},
		{`[^\S]`, "\v", []string{"\v"}},
		{`[\W\D]+`, "1é-", []string{"1é-"[1:]}},
		{`^[\w.-]+$`, "a-b.c_9", []string{"a-b.c_9"}},
		{`[a\-z]+`, "b-a", []string{"-a"}},
		{`[]a]+`, "x]a", []string{"]a"}},
		{`[^]a]+`, "]xa", []string{"x"}},
		{`[[a]+`, "[a", []string{"[a"}},
		{`[\b]`, "\b", []string{"\b"}},
		{`\x41\u00e9\cA\t\0\101`, "Aé\x01\t\x00A", []string{"Aé\x01\t\x00A"}},
		{`\'(.*)\'\<\_\/\"`, `'a'<_/"`, []string{`'a'<_/"`, "a"}},
		{`a{,2}b{x}`, "a{,2}b{x}", []string{"a{,2}b{x}"}},
		{`(?i)ERROR`, "Error", []string{"Error"}},
		{`(?i:e)r`, "Er", []string{"Er"}},
		{`a(?#comment)b`, "ab", []string{"ab"}},
		{`(?<l>\d)(?<r>\d)`, "12", []string{"12", "1", "2"}},
		{`(?<l>\d)(\d)`, "12", []string{"12", "2", "1"}}, // .NET counts names last
		{`\Aa\z`, "a", []string{"a"}},
		{`a{1001}`, strings.Repeat("a", 1002), []string{strings.Repeat("a", 1001)}},

		{`foo(?!bar)`, "foobar foobaz", []string{"foo"}},
		{`(?<=: )(\w+)`, "a: bc", []string{"bc", "bc"}},
		{`^[A-Z]+(?<!MSB)\d+$`, "MSB1", nil},
		{`^[A-Z]+(?<!MSB)\d+$`, "CS1", []string{"CS1"}},
		{`(['"])(.*?)\1`, `x "it's" y`, []string{`"it's"`, `"`, "it's"}},
		{`(?<q>['"]).*\k<q>`, `'a"'`, []string{`'a"'`, "'"}},
		{`(?>a+)b(?=c)`, "aabc", []string{"aab"}},
		{`(?=(\w))\b\w`, "é-x", []string{"x", "x"}},
		{`(?=\S)\D\B`, "ab", []string{"a"}},
		{`\p{Lu}\d`, "É1", []string{"É1"}},
		{`[^\p{L}\s]`, "a b1", []string{"1"}},
		{`(?x) a b # c`, "ab", []string{"ab"}},
		{`[a-z-[aeiou]]+`, "aeb", []string{"b"}},
		{`(a*)*b`, "aab", []string{"aab", ""}},
	}
	for _, test := range tests {
		r := mustCompile(t, test.expr)
		got, err := r.find(test.text)
		if err != nil || !slices.Equal(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%s in %q: %q, %v, want %q", test.expr, test.text, got, err, test.want)
		}
		if ok, err := r.matches(test.text); ok != (test.want != nil) || err != nil {
			t.Errorf("%s matches %q: %v, %v", test.expr, test.text, ok, err)
		}
	}
}

func TestOrdinaryExpressionsNeedNoBacktracking(t *testing.T) {
	for _, name := range []string{"gcc", "eslint-stylish", "go", "tsc", "python", "rustc"} {
		for _, m := range load(t, name) {
			for i, p := range m.patterns {
				if p.regex.full != nil {
					t.Errorf("%s, pattern %d, backtracks", m.owner, i+1)
				}
			}
		}
	}
}

func TestNeedles(t *testing.T) {
	tests := []struct {
		expr string
		want []string
	}{
		{`^(.+\.go):(\d+): (.*)$`, []string{".go:"}},
		{`^(.*):(\d+):\s+(warning|error):\s+(.*)$`, []string{"warning:", "error:"}},
		{`^(warn|warning): `, []string{"warn: ", "warning: "}},
		{`x[EF]\d+`, []string{"xE", "xF"}},
		{`(?:abc)+d?`, []string{"abc"}},
		{`(?:abcd|ef.)g`, []string{"abcd", "ef"}},
		{`(ab){2}`, []string{"ab"}},
		{`(?=abc)d`, []string{"d"}},
		{`(a)\1bcd`, []string{"bcd"}},
		{`a?b*`, nil},
		{`(?i)error`, nil},
		{`^([^\s].*)$`, nil},
		{`a|b*`, nil},
	}
	for _, test := range tests {
		if got := mustCompile(t, test.expr).needles; !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.expr, got, test.want)
		}
	}
}

func TestAMatchThatTakesTooLongIsGivenUp(t *testing.T) {
	r, err := compile(`^(?:\w+\s?)+(?<=b)$`, fuzzTime)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := r.find(strings.Repeat("a", 100)); !errors.Is(err, errLimit) {
		t.Errorf("the error is %v", err)
	}
	if _, err := r.matches(strings.Repeat("a", 100)); !errors.Is(err, errLimit) {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// checkEngines checks what makes scanning cheap against the engine that
// backtracks: both see the same matches, and no match is ruled out.
func checkEngines(t *testing.T, expr, text string) (compared bool) {
	r, err := compile(expr, fuzzTime)
	if err != nil {
		return false
	}
	got, err := r.find(text)
	if err != nil {
		return false
	}
	if ok, err := r.matches(text); err == nil && ok != (got != nil) {
		t.Errorf("%q in %q: find gives %q, matches %v", expr, text, got, ok)
	}
	tr, ok := translate(expr)
	if !ok {
		return false
	}
	full, err := regexp2.Compile(tr.full)
	if err != nil {
		return false // Go's regexp takes a little more
	}
	full.MatchTimeout = fuzzTime
	want, err := backtrack(full, text)
	if err != nil {
		return false
	}
	if !slices.Equal(got, want) || (got == nil) != (want == nil) {
		t.Errorf("%q in %q: %q, the other engine %q (wide %q, full %q)", expr, text, got, want, tr.wide, tr.full)
	}
	return true
}

func FuzzEngines(f *testing.F) {
	for _, seed := range [][2]string{
		{`^(.*?):(\d+):(?:(\d+):)?\s+(warning|error): (.*)$`, "a.c:1:2: error: x"},
		{`((a)|b)+c?`, "abab"}, {`[^\s\w]-?\b`, "é-a"}, {`(?i)k+`, "KkK"}, {`(?<a>x)|(?<b>y)`, "y"},
		{`a(?!b)|(.)\1`, "abcc"}, {`\x41{2,3}?[\]^-]`, "AAA]"}, {`(|a)+?$`, "aa"}, {`[^\S\d]{0,2}.+`, "\v\xff\xfe"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) <= 200 && len(text) <= 200 && !strings.Contains(text, "\n") {
			checkEngines(t, expr, text)
		}
	})
}

// TestEnginesAgree makes expressions of what matchers are made of.
func TestEnginesAgree(t *testing.T) {
	pieces := strings.Fields(`a b : 1 . é \d \D \w \W \s \S \b \B \. \/ \' [ab] [^a] [\w.-] [^\s:] [\S1] (?:a) a|b :| |1 .* .+ .*? .+?
		* + ? {2} {1,2} *? +? ?? ^ $ ^ $ ( ) ( ) (?: ) (?<n> ) (?= ) (?! ) (?<! ) (?> ) (?i) \1 \2 error warning`)
	letters := []rune("aab11: .é-/'\v\rKerror\uFFFD")
	random := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 500 {
		var expr, text strings.Builder
		for range 1 + random.IntN(10) {
			expr.WriteString(pieces[random.IntN(len(pieces))])
		}
		for range random.IntN(12) {
			text.WriteRune(letters[random.IntN(len(letters))])
		}
		if checkEngines(t, expr.String(), text.String()) {
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("only %d expressions were compared", compared)
	}
}
