package expression

import (
	"math"
	"slices"
)

// Kind is the type of a Value.
type Kind int

// The kinds of the language.
const (
	KindNull Kind = iota
	KindBoolean
	KindNumber
	KindString
	KindArray
	KindObject
)

// String gives the kind's name as the language spells it: "Null", "Boolean",
// "Number", "String", "Array", "Object".
func (k Kind) String() string {
	switch k {
	case KindNull:
		return "Null"
	case KindBoolean:
		return "Boolean"
	case KindNumber:
		return "Number"
	case KindString:
		return "String"
	case KindArray:
		return "Array"
	case KindObject:
		return "Object"
	}
	return "Unknown"
}

// Value is a value of the language. It is small, immutable and safe for
// concurrent use; the zero Value is Null. Copies of an array or an object are
// the same array or object to Equal.
type Value struct {
	kind Kind
	num  float64 // numbers; 1 for true
	str  string
	arr  *array
	obj  *object
}

// array is what an array Value refers to.
type array struct {
	items []Value
	// filtered marks the result of `.*`: an index on it is applied to each of
	// its items instead.
	filtered bool
}

// Values without parts.
var (
	Null  = Value{}
	True  = Value{kind: KindBoolean, num: 1}
	False = Value{kind: KindBoolean}
)

// Bool gives True or False.
func Bool(b bool) Value {
	if b {
		return True
	}
	return False
}

// Number gives a number. NaN and the infinities are numbers too.
func Number(f float64) Value { return Value{kind: KindNumber, num: f} }

// String gives a string.
func String(s string) Value { return Value{kind: KindString, str: s} }

// Array gives a new array with a copy of items.
func Array(items []Value) Value { return newArray(slices.Clone(items), false) }

// newArray keeps items.
func newArray(items []Value, filtered bool) Value {
	return Value{kind: KindArray, arr: &array{items: items, filtered: filtered}}
}

// Kind gives the value's type.
func (v Value) Kind() Kind { return v.kind }

// Truthy tells whether a condition takes the value as true: everything but
// null, false, 0, NaN and the empty string. Arrays and objects are truthy even
// when they are empty.
func (v Value) Truthy() bool {
	switch v.kind {
	case KindNull:
		return false
	case KindBoolean:
		return v.num != 0
	case KindNumber:
		return v.num != 0 && !math.IsNaN(v.num)
	case KindString:
		return v.str != ""
	}
	return true
}

// Text gives the value as a string, as format and mixed templates take it:
// null is empty, an array is "Array", an object is "Object".
func (v Value) Text() string {
	switch v.kind {
	case KindBoolean:
		if v.num != 0 {
			return "true"
		}
		return "false"
	case KindNumber:
		return formatNumber(v.num)
	case KindString:
		return v.str
	case KindArray, KindObject:
		return v.kind.String()
	}
	return ""
}

// Float gives the value as a number, as comparisons take it: null and false
// are 0, true is 1, a string is parsed (empty is 0), anything else is NaN.
func (v Value) Float() float64 {
	switch v.kind {
	case KindNull:
		return 0
	case KindBoolean, KindNumber:
		return v.num
	case KindString:
		return parseNumber(v.str)
	}
	return math.NaN()
}

// Items gives the items of an array, nil for any other kind. The slice must
// not be changed.
func (v Value) Items() []Value {
	if v.arr == nil {
		return nil
	}
	return v.arr.items
}

// Len gives the number of items of an array or of keys of an object, 0 for any
// other kind.
func (v Value) Len() int {
	switch {
	case v.arr != nil:
		return len(v.arr.items)
	case v.obj != nil:
		return len(v.obj.keys)
	}
	return 0
}

// primitive tells whether the value has no parts.
func (v Value) primitive() bool { return v.kind != KindArray && v.kind != KindObject }
