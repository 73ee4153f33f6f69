package expression

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTruth(t *testing.T) {
	truthy := []Value{True, Number(1), Number(-1), Number(math.Inf(-1)), String(" "), String("false"), String("0"), Array(nil), NewObject()}
	falsy := []Value{{}, Null, False, Number(0), Number(math.Copysign(0, -1)), Number(math.NaN()), String("")}
	for _, v := range truthy {
		if !v.Truthy() {
			t.Errorf("%s %s is falsy", v.Kind(), v.JSON())
		}
	}
	for _, v := range falsy {
		if v.Truthy() {
			t.Errorf("%s %s is truthy", v.Kind(), v.JSON())
		}
	}
}

func TestText(t *testing.T) {
	cases := map[string]Value{
		"":         Null,
		"true":     True,
		"false":    False,
		"1.5":      Number(1.5),
		"0":        Number(math.Copysign(0, -1)),
		"a b":      String("a b"),
		"Array":    Array([]Value{True}),
		"Object":   NewObject(Pair{"a", True}),
		"-1E+20":   Number(-1e20),
		"Infinity": Number(math.Inf(1)),
	}
	for want, v := range cases {
		if got := v.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestKindNames(t *testing.T) {
	want := []string{"Null", "Boolean", "Number", "String", "Array", "Object", "Unknown"}
	for i, name := range want {
		if got := Kind(i).String(); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}

func TestObjectsFindKeysIgnoringCase(t *testing.T) {
	for _, size := range []int{3, 50} { // without and with an index
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			pairs := []Pair{{"Größe", Number(1)}, {"b", Number(2)}, {"GRÖSSE", Number(3)}, {"gRÖße", Number(4)}}
			for i := len(pairs); i < size; i++ {
				pairs = append(pairs, Pair{"key" + strconv.Itoa(i), Number(float64(i))})
			}
			o := NewObject(pairs...)
			if v, ok := o.Get("GRÖßE"); !ok || v != Number(4) {
				t.Errorf("got %s, %t: want the later pair's value", v.JSON(), ok)
			}
			if v, ok := o.Get("grösse"); !ok || v != Number(3) {
				t.Errorf("got %s, %t", v.JSON(), ok)
			}
			if _, ok := o.Get("nothing"); ok {
				t.Error("found what is not there")
			}
			if got := o.Keys()[:3]; !cmp.Equal(got, []string{"Größe", "b", "GRÖSSE"}) {
				t.Errorf("got %v: want the first spelling, in order", got)
			}
			if want := max(3, size-1); o.Len() != want {
				t.Errorf("got %d keys, want %d", o.Len(), want)
			}
		})
	}
}

func TestExactObjectsTellCasesApart(t *testing.T) {
	for _, size := range []int{2, 50} {
		pairs := []Pair{{"PATH", String("a")}, {"Path", String("b")}}
		for i := len(pairs); i < size; i++ {
			pairs = append(pairs, Pair{"key" + strconv.Itoa(i), Null})
		}
		o := NewExactObject(pairs...)
		scope := ScopeOf(NewObject(Pair{"env", o}), nil)
		got, err := evalAny("format('{0}{1}{2}', env.PATH, env.Path, env.path)", scope)
		if err != nil || got.Text() != "ab" {
			t.Errorf("got %q, %v", got.Text(), err)
		}
	}
}

func TestOtherKindsHaveNoParts(t *testing.T) {
	for _, v := range []Value{Null, True, Number(1), String("abc")} {
		if _, ok := v.Get("a"); ok || v.Len() != 0 || v.Items() != nil || v.Keys() != nil {
			t.Errorf("%s has parts", v.Kind())
		}
	}
	if Array(nil).Keys() != nil || NewObject(Pair{"a", Null}).Items() != nil {
		t.Error("arrays have no keys, objects no items")
	}
}

func TestValuesDoNotChange(t *testing.T) {
	items := []Value{Number(1), Number(2)}
	v := Array(items)
	items[0] = Number(9)
	if v.Items()[0] != Number(1) {
		t.Error("the array follows its source")
	}
	o := NewObject(Pair{"a", True})
	o.Keys()[0] = "b"
	if !slices.Equal(o.Keys(), []string{"a"}) {
		t.Error("the object's keys can be changed")
	}
}

func TestIdentity(t *testing.T) {
	a := Array([]Value{True})
	copied := a
	if !a.Equal(copied) {
		t.Error("a copy of an array Value is another array")
	}
	if a.Equal(Array([]Value{True})) {
		t.Error("two arrays are one")
	}
	if !Null.Equal(Value{}) {
		t.Error("the zero Value is not Null")
	}
}
