package expression

// Equal is the == of the language. Strings are compared ignoring case, values
// of different kinds as numbers, arrays and objects by identity. NaN equals
// nothing.
func (v Value) Equal(other Value) bool {
	v, other = coerce(v, other)
	if v.kind != other.kind {
		return false
	}
	switch v.kind {
	case KindNull:
		return true
	case KindString:
		return equalFold(v.str, other.str)
	case KindArray:
		return v.arr == other.arr
	case KindObject:
		return v.obj == other.obj
	}
	return v.num == other.num
}

// less is the < of the language: false for values without an order, such as
// NaN, null, arrays and objects.
func less(v, other Value) bool {
	v, other = coerce(v, other)
	if v.kind != other.kind {
		return false
	}
	switch v.kind {
	case KindBoolean, KindNumber:
		return v.num < other.num
	case KindString:
		return compareFold(v.str, other.str) < 0
	}
	return false
}

// coerce makes values of different kinds comparable where they can be: null
// and booleans become numbers, a string becomes one beside a number.
func coerce(a, b Value) (Value, Value) {
	for a.kind != b.kind {
		switch {
		case a.kind == KindNumber && b.kind == KindString:
			b = Number(b.Float())
		case a.kind == KindString && b.kind == KindNumber:
			a = Number(a.Float())
		case a.kind == KindBoolean || a.kind == KindNull:
			a = Number(a.Float())
		case b.kind == KindBoolean || b.kind == KindNull:
			b = Number(b.Float())
		default:
			return a, b
		}
	}
	return a, b
}
