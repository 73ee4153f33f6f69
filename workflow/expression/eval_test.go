package expression

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestLiterals(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"null", Null},
		{"true", True},
		{"false", False},
		{"0", Number(0)},
		{"42", Number(42)},
		{"-17", Number(-17)},
		{"+17", Number(17)},
		{"3.25", Number(3.25)},
		{".5", Number(.5)},
		{"-.5", Number(-.5)},
		{"1.", Number(1)},
		{"1e3", Number(1000)},
		{"1.5E-2", Number(.015)},
		{"1e+2", Number(100)},
		{"1e999", Number(math.Inf(1))},
		{"0xff", Number(255)},
		{"0xFFFFFFFF", Number(-1)},
		{"0x7fffffff", Number(math.MaxInt32)},
		{"0x80000000", Number(math.MinInt32)},
		{"0x0000000010", Number(16)},
		{"0o17", Number(15)},
		{"0o37777777777", Number(-1)},
		{"NaN", Number(math.NaN())},
		{"Infinity", Number(math.Inf(1))},
		{"-Infinity", Number(math.Inf(-1))},
		{"''", String("")},
		{"'it''s'", String("it's")},
		{"''''", String("'")},
		{"'}} ${{ \"'", String("}} ${{ \"")},
		{"'Größe \n zwei'", String("Größe \n zwei")},
		{" \t\n 1 \r\n\u00a0", Number(1)},
	})
}

func TestEqualityCoercesAcrossKinds(t *testing.T) {
	cases := map[string]bool{
		"1 == 1":                                true,
		"1 == 1.0":                              true,
		"1 != 2":                                true,
		"0 == -0":                               true,
		"NaN == NaN":                            false,
		"NaN != NaN":                            true,
		"Infinity == Infinity":                  true,
		"'abc' == 'ABC'":                        true,
		"'abc' != 'abd'":                        true,
		"'ä' == 'Ä'":                            true,
		"'σ' == 'ς'":                            true,
		"'ß' == 'SS'":                           false,
		"'i' == 'İ'":                            false,
		"'I' == 'ı'":                            false,
		"'s' == 'ſ'":                            false,
		"'k' == '\u212a'":                       false, // the Kelvin sign
		"'жук' == 'ЖУК'":                        true,
		"null == null":                          true,
		"null == false":                         true,
		"null == 0":                             true,
		"null == ''":                            true,
		"null == 'null'":                        false,
		"true == 1":                             true,
		"true == '1'":                           true,
		"true == 'true'":                        false,
		"false == ''":                           true,
		"false == 'false'":                      false,
		"1 == '1'":                              true,
		"1 == ' 1 '":                            true,
		"'1' == 1":                              true,
		"1.5 == '1.50'":                         true,
		"255 == '0xff'":                         true,
		"8 == '0o10'":                           true,
		"0 == ''":                               true,
		"0 == ' '":                              true,
		"0 == 'x'":                              false,
		"NaN == 'x'":                            false,
		"Infinity == 'Infinity'":                true,
		"1000 == '1e3'":                         true,
		"list == list":                          true,
		"list != list":                          false,
		"list == empty":                         false,
		"empty == empty":                        true,
		"none == none":                          true,
		"none == list":                          false,
		"none == true":                          false,
		"list == 'Array'":                       false,
		"none == null":                          false,
		"empty == 0":                            false,
		"fromJSON('[]') == fromJSON('[]')":      false,
		"github.event == github.event":          true,
		"github.event == github.event.issue":    false,
		"list.* == list.*":                      false,
		"github.missing == null":                true,
		"github.ref == 'REFS/heads/MAIN'":       true,
		"matrix.node == '20'":                   true,
		"'2' == 2 == true":                      true,
		"1 == 2 != true":                        true,
		"github.event_name == 'push' && 1 == 1": true,
	}
	runBools(t, cases)
}

func TestOrder(t *testing.T) {
	runBools(t, map[string]bool{
		"1 < 2":                       true,
		"2 < 1":                       false,
		"1 < 1":                       false,
		"1 <= 1":                      true,
		"2 >= 1":                      true,
		"1 > 1":                       false,
		"-Infinity < Infinity":        true,
		"NaN < 1":                     false,
		"NaN >= NaN":                  false,
		"NaN <= 1":                    false,
		"'a' < 'b'":                   true,
		"'B' > 'a'":                   true,
		"'a' >= 'A'":                  true,
		"'a' > 'A'":                   false,
		"'Z' < '['":                   true,
		"'z' < '['":                   true,
		"'10' < '9'":                  true,
		"'10' < 9":                    false,
		"10 > '9'":                    true,
		"'x' < 9":                     false,
		"'x' >= 9":                    false,
		"'ab' > 'a'":                  true,
		"'' < 'a'":                    true,
		"'\U0001F600' < '\uFFFD'":     true, // UTF-16 order
		"'\U0001F600' > '\u1234'":     true,
		"'\U0001F600' < '\U0001F601'": true,
		"true > false":                true,
		"false > true":                false,
		"true >= true":                true,
		"true > 0":                    true,
		"true > '0'":                  true,
		"null < 1":                    true,
		"null < null":                 false,
		"null <= null":                true,
		"null >= ''":                  true,
		"null > -1":                   true,
		"list < list":                 false,
		"list <= list":                true,
		"list >= empty":               false,
		"none > 0":                    false,
		"none >= none":                true,
		"true < none":                 false,
	})
}

func runBools(t *testing.T, cases map[string]bool) {
	t.Helper()
	var all []evalCase
	for expr, want := range cases {
		all = append(all, evalCase{expr, Bool(want)})
	}
	runEvalCases(t, all)
}

func TestLogicGivesTheOperandThatDecides(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"1 && 2", Number(2)},
		{"0 && 2", Number(0)},
		{"'' && 2", String("")},
		{"null && 2", Null},
		{"NaN && 2", Number(math.NaN())},
		{"1 || 2", Number(1)},
		{"0 || 'x'", String("x")},
		{"0 || ''", String("")},
		{"false || null", Null},
		{"1 && 2 && 3", Number(3)},
		{"1 && 0 && 3", Number(0)},
		{"0 || '' || 'c'", String("c")},
		{"none && 'objects are truthy'", String("objects are truthy")},
		{"empty && 'arrays too'", String("arrays too")},
		{"matrix.experimental && 'yes' || 'no'", String("no")},
		{"!0", True},
		{"!!'x'", True},
		{"!none", False},
		{"!''", True},
		{"!'0'", False},
		{"true || boom()", True},
		{"false && boom()", False},
	})
}

func TestPrecedence(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"true || true && false", True},
		{"(true || true) && false", False},
		{"1 == 1 && 2 == 2", True},
		{"1 < 2 == true", True},
		{"1 == 2 < 3", True}, // 1 == true
		{"!true == false", True},
		{"!(true == false)", True},
		{"!github.missing", True},
		{"!1 < 2", True},
		{"3 > 2 > 1", False},
		{"((1))", Number(1)},
		{"!(!(1))", True},
		{"1 || 2 == 3", Number(1)},
	})
}

func TestPropertiesAndIndexes(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"github.ref", String("refs/heads/main")},
		{"GitHub.REF", String("refs/heads/main")},
		{"github['ref']", String("refs/heads/main")},
		{"github [ 'REF' ] ", String("refs/heads/main")},
		{"github . event . issue . labels[0] . name", String("bug")},
		{"env.PATH-LIKE", String("a/b")},
		{"github.missing.deeper[3].still", Null},
		{"text.length", Null},
		{"text[0]", Null},
		{"nothing.x", Null},
		{"matrix.include.x", Null},
		{"list[0]", String("a")},
		{"list[2]", String("C")},
		{"list[3]", Null},
		{"list[-1]", Null},
		{"list[-0.5]", Null},
		{"list[1.9]", String("b")},
		{"list['1']", String("b")},
		{"list[' 1 ']", String("b")},
		{"list['x']", Null},
		{"list[null]", String("a")},
		{"list[true]", String("b")},
		{"list[NaN]", Null},
		{"list[Infinity]", Null},
		{"list[list]", Null},
		{"list.a", Null},
		{"other[none]", Null},
		{"grid[4][0]", String("zero")},
		{"numbers[numbers[2]]", Number(2)},
		{"fromJSON('{\"a\": [1, 2]}').a[1]", Number(2)},
		{"(github).ref", String("refs/heads/main")},
		{"(1)[0]", Null},
		{"matrix.node", Number(20)},
		{"github.true", Null},
		{"fromJSON('{\"true\": 1, \"null\": 2, \"NaN\": 3}').null", Number(2)},
	})
}

func TestFilteredArrays(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"list.*", js(`["a", "b", "C"]`)},
		{"list[*]", js(`["a", "b", "C"]`)},
		{"other.*", js(`[{"x": 1}, {"x": 2}, {"y": 3}, [4, 5], 6]`)},
		{"other.*.x", js(`[1, 2]`)},
		{"other.*['X']", js(`[1, 2]`)},
		{"other.*.nothing", js(`[]`)},
		{"other.*.*", js(`[1, 2, 3, 4, 5]`)},
		{"other.*[0]", js(`[4]`)},
		{"grid.*[0]", js(`[1, 3, "zero"]`)},
		{"grid.*['1']", js(`[2]`)},
		{"grid.*.*", js(`[1, 2, 3, "zero"]`)},
		{"github.event.issue.labels.*.name", js(`["bug", "Help wanted"]`)},
		{"github.event.issue.labels.*.name[0]", js(`[]`)}, // an index goes into each item, not to the first
		{"(github.event.issue.labels.*).name", js(`["bug", "Help wanted"]`)},
		{"text.*", js(`[]`)},
		{"nothing.*", js(`[]`)},
		{"text.*.x", js(`[]`)},
		{"none.*", js(`[]`)},
		{"contains(github.event.issue.labels.*.name, 'HELP wanted')", True},
		{"join(github.event.issue.labels.*.id)", String("1,2,3")},
		{"fromJSON(toJSON(list.*))[0]", String("a")}, // a copy is filtered no longer
	})
}

func TestScopeFunctions(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"success()", True},
		{"SUCCESS ( )", True},
		{"count()", Number(0)},
		{"count(1, 'a', list)", Number(3)},
		{"pair(7)", Number(7)},
		{"pair(list, 1)[1]", String("b")},
		{"pair(other).a.x", Number(1)},
	})
}

func TestErrorOfAScopeFunctionIsKept(t *testing.T) {
	e, err := Parse("1 == boom()")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Eval(testScope(t))
	if !errors.Is(err, errBoom) {
		t.Fatalf("got %v, want it to wrap the function's error", err)
	}
	failure := new(Error)
	if !errors.As(err, &failure) || failure.Stage != StageEvaluation || failure.Pos != 5 {
		t.Errorf("got %#v, want an evaluation error at 5", err)
	}
}

func TestLookupIsAskedOncePerContext(t *testing.T) {
	asked := map[string]int{}
	scope := Scope{Lookup: func(name string) (Value, bool) {
		asked[name]++
		return NewObject(Pair{"a", Number(1)}), true
	}}
	tmpl, err := ParseTemplate("${{ Env.a == env.a && env == ENV }} ${{ env.a }} ${{ vars.a }}")
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Eval(scope)
	if err != nil || got.Text() != "true 1 1" {
		t.Errorf("got %q, %v", got.Text(), err)
	}
	if len(asked) != 2 || asked["env"] != 1 || asked["vars"] != 1 {
		t.Errorf("asked %v, want env and vars once", asked)
	}
}

func TestEvalBoundsMemory(t *testing.T) {
	bomb := "'xxxxxxxx'"
	for range 40 {
		bomb = "format('{0}{0}', " + bomb + ")"
	}
	_, err := evalAny(bomb, Scope{})
	failure := new(Error)
	if !errors.As(err, &failure) || failure.Stage != StageEvaluation || !strings.Contains(failure.Message, "32 MiB") {
		t.Errorf("got %.200v, want the memory limit", err)
	}
}

func TestMemoryIsBoundedInEveryFunction(t *testing.T) {
	bomb := "'xxxxxxxx'"
	for range 40 {
		bomb = "format('{0}{0}', " + bomb + ")"
	}
	cases := map[string]string{
		"format":   bomb,
		"join":     "join(big.*, format('{0}{0}{0}{0}{0}{0}{0}{0}', toJSON(big)))",
		"fromJSON": "fromJSON(format('[{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}0]', text))",
		"toJSON":   strings.Repeat("toJSON(", 40) + "1" + strings.Repeat(")", 40),
		"wildcard": strings.Repeat("big.* && ", 2000) + "1",
	}
	items := make([]Value, 1000)
	for i := range items {
		items[i] = Number(123456)
	}
	scope := ScopeOf(NewObject(
		Pair{"big", Array(items)},
		Pair{"text", String(strings.Repeat("0,", 50_000))},
	), nil)
	for name, expr := range cases {
		t.Run(name, func(t *testing.T) {
			e, err := Parse(expr)
			if err != nil {
				t.Fatal(err)
			}
			// A small budget, since the real one takes seconds under -race.
			_, failure := e.eval(scope, scope.Lookup, &budget{left: maxMemory / 32})
			if failure == nil || !strings.Contains(failure.Message, "32 MiB") {
				t.Errorf("got %.200v, want the memory limit", failure)
			}
			if _, failure := e.eval(scope, scope.Lookup, &budget{left: 1000}); failure == nil {
				t.Error("got no error with little memory")
			}
		})
	}
}
