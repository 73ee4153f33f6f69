package expression

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestFromJSONRefusesWhatIsNotJSON(t *testing.T) {
	cases := map[string]string{
		"":                           "line 1, column 1: a value is missing",
		"  \n ":                      "line 2, column 2: a value is missing",
		"nul":                        "line 1, column 1: a value cannot begin here",
		"True":                       "a value cannot begin here",
		"NaN":                        "a value cannot begin here",
		"'a'":                        "a value cannot begin here",
		"\ufeff1":                    "a value cannot begin here",
		"// c\n1":                    "a value cannot begin here",
		"1 2":                        "line 1, column 3: something follows the end",
		"nullx":                      "something follows the end",
		"01":                         "something follows the end",
		"1_0":                        "something follows the end",
		"+1":                         "a value cannot begin here",
		".5":                         "a value cannot begin here",
		"-":                          "a digit is missing",
		"1.":                         "a digit is missing",
		"1e":                         "a digit is missing",
		"1e+":                        "a digit is missing",
		"[":                          "a value is missing",
		"[1":                         "a comma or ] is missing",
		"[1 2]":                      "a comma or ] is missing",
		"[1,]":                       "line 1, column 4: a value cannot begin here",
		"[,1]":                       "a value cannot begin here",
		"[1}":                        "a comma or ] is missing",
		"{":                          "a key in double quotes is missing",
		"{a: 1}":                     "a key in double quotes is missing",
		"{1: 1}":                     "a key in double quotes is missing",
		`{"a"}`:                      "a colon is missing",
		`{"a": }`:                    "a value cannot begin here",
		`{"a": 1 "b": 2}`:            "a comma or } is missing",
		`{"a": 1,}`:                  "a key in double quotes is missing",
		`{"ü": 1,` + "\n" + `"ä" 2}`: "line 2, column 5: a colon is missing",
		`"a`:                         "a string has no closing quote",
		`"a\`:                        "a string has no closing quote",
		`"a\"`:                       "a string has no closing quote",
		`"\x"`:                       "an escape that JSON does not have",
		`"\'"`:                       "an escape that JSON does not have",
		`"\u12"`:                     `\u needs four hexadecimal digits`,
		`"\u12g4"`:                   `\u needs four hexadecimal digits`,
		`"\u+123"`:                   `\u needs four hexadecimal digits`,
		`"\ud83d"`:                   "line 1, column 2: half of a surrogate pair",
		`"\ud83dx"`:                  "half of a surrogate pair",
		`"\ude00\ud83d"`:             "half of a surrogate pair",
		`"\ud83d\u0041"`:             "half of a surrogate pair",
		"\"a\nb\"":                   "a control character in a string must be escaped",
		"\"\\n\t\"":                  "a control character in a string must be escaped",
		strings.Repeat("[", 101) + strings.Repeat("]", 101):     "nested deeper than 100",
		strings.Repeat(`{"a":`, 101) + strings.Repeat("}", 101): "nested deeper than 100",
		strings.Repeat("[", 1_000_000):                          "nested deeper than 100",
	}
	for src, want := range cases {
		t.Run(excerpt(src), func(t *testing.T) {
			v, err := FromJSON(src)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %s, %v, want %q", v.JSON(), err, want)
			}
		})
	}
}

func TestFromJSONTakesItsDeepest(t *testing.T) {
	if _, err := FromJSON(strings.Repeat("[", 100) + strings.Repeat("]", 100)); err != nil {
		t.Error(err)
	}
}

func TestFromJSONKeepsTheOrderOfKeysAndTheFirstOfTwins(t *testing.T) {
	few := `{"z": 1, "a": 2, "Z": 3, "m": 4}`
	many := `{"k9":9,"k8":8,"k7":7,"k6":6,"k5":5,"k4":4,"k3":3,"k2":2,"k1":1,"k0":0,"K9":99}`
	if got := js(few).Keys(); !cmp.Equal(got, []string{"z", "a", "m"}) {
		t.Errorf("got %v", got)
	}
	if got := js(many).Keys(); len(got) != 10 || got[0] != "k9" || got[9] != "k0" {
		t.Errorf("got %v", got)
	}
	if v, _ := js(many).Get("K9"); v != Number(9) {
		t.Errorf("got %s", v.JSON())
	}
}

func TestJSONOfBytesThatAreNoText(t *testing.T) {
	if got := String("a\xffb").JSON(); got != `"a`+"\uFFFD"+`b"` {
		t.Errorf("got %q", got)
	}
}

// FromJSON takes exactly what the standard library takes, apart from depth,
// halves of surrogate pairs and bytes that are no UTF-8; and what it reads
// survives being written.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range []string{
		testContexts, "null", " true ", "-0.5e+1", `"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, `[1,[2],{"a":{}}]`, `{"a":1,"A":2}`,
		"", "[1,", `{"a"}`, `"\ud800"`, "01", "1.e", "\"\n\"", "[[[[", "{\"\":\"\xff\"}", "1e999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		v, err := FromJSON(src)
		if err != nil {
			lenient := strings.Contains(err.Error(), "surrogate") || strings.Contains(err.Error(), "deeper")
			if json.Valid([]byte(src)) && !lenient {
				t.Fatalf("%q is JSON: %v", src, err)
			}
			return
		}
		if !json.Valid([]byte(src)) {
			t.Fatalf("%q is not JSON", src)
		}
		text := v.JSON()
		if strings.Contains(text, "Infinity") {
			return
		}
		again, err := FromJSON(text)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", src, text, err)
		}
		if again.JSON() != text {
			t.Fatalf("%q was written as %q, then as %q", src, text, again.JSON())
		}
		if utf8.ValidString(src) && !FromAny(v.ToAny()).Truthy() && v.Truthy() {
			t.Fatalf("%q lost its content", src)
		}
	})
}

func FuzzStringJSON(f *testing.F) {
	for _, seed := range []string{"", "a\"b\\", "\x00\x1f\x7f\u0085\u2028\u2029", "é😀", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal([]byte(String(s).JSON()), &back); err != nil {
			t.Fatal(err)
		}
		if back != strings.ToValidUTF8(s, "\uFFFD") && utf8.ValidString(s) {
			t.Errorf("%q became %q", s, back)
		}
	})
}

func TestFromAnyAndBack(t *testing.T) {
	type word string
	n := 5
	cases := map[string]struct {
		data any
		want Value
	}{
		"nil":              {nil, Null},
		"bool":             {true, True},
		"string":           {"a", String("a")},
		"named string":     {word("a"), String("a")},
		"float":            {1.5, Number(1.5)},
		"int":              {-3, Number(-3)},
		"int64":            {int64(1) << 40, Number(1 << 40)},
		"uint8":            {uint8(7), Number(7)},
		"float32":          {float32(.5), Number(.5)},
		"NaN":              {math.NaN(), Number(math.NaN())},
		"json.Number":      {json.Number("12.5"), Number(12.5)},
		"value":            {String("v"), String("v")},
		"pointer":          {&n, Number(5)},
		"nil pointer":      {(*int)(nil), Null},
		"slice":            {[]any{1, "a", nil, []any{}}, js(`[1, "a", null, []]`)},
		"strings":          {[]string{"a", "b"}, js(`["a", "b"]`)},
		"ints":             {[]int{1, 2}, js(`[1, 2]`)},
		"array":            {[2]bool{true, false}, js(`[true, false]`)},
		"values":           {[]Value{True, Null}, js(`[true, null]`)},
		"map":              {map[string]any{"b": 1, "a": map[string]any{}}, js(`{"a": {}, "b": 1}`)},
		"map of strings":   {map[string]string{"b": "1", "a": ""}, js(`{"a": "", "b": "1"}`)},
		"map of values":    {map[string]Value{"b": True, "a": Null}, js(`{"a": null, "b": true}`)},
		"map of ints":      {map[word]int{"b": 1, "a": 2}, js(`{"a": 2, "b": 1}`)},
		"something else":   {struct{ A int }{1}, String("{1}")},
		"map by number":    {map[int]int{1: 2}, String("map[1:2]")},
		"nil map":          {map[string]any(nil), js(`{}`)},
		"nil slice of any": {[]any(nil), js(`[]`)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := FromAny(c.data); !same(got, c.want) {
				t.Errorf("got %s %s, want %s", got.Kind(), got.JSON(), c.want.JSON())
			}
		})
	}

	var want any
	if err := json.Unmarshal([]byte(testContexts), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, js(testContexts).ToAny()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, FromAny(want).ToAny()); diff != "" {
		t.Error(diff)
	}
}
