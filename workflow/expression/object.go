package expression

import "slices"

// Pair is one entry of an object.
type Pair struct {
	Key   string
	Value Value
}

// object is what an object Value refers to: entries in order, with an index.
type object struct {
	keys   []string
	values []Value
	index  map[string]int // by folded key, or by the key itself
	exact  bool           // keys are found only as written
}

// NewObject gives a new object with the pairs in their order. Keys are found
// ignoring case; a later pair replaces the value of an earlier one of the same
// key, and the first spelling stays.
func NewObject(pairs ...Pair) Value { return newObject(pairs, false) }

// NewExactObject is NewObject with keys that are found only as they are
// written: what the env context is on systems other than Windows.
func NewExactObject(pairs ...Pair) Value { return newObject(pairs, true) }

func newObject(pairs []Pair, exact bool) Value {
	o := &object{
		keys:   make([]string, 0, len(pairs)),
		values: make([]Value, 0, len(pairs)),
		index:  make(map[string]int, len(pairs)),
		exact:  exact,
	}
	for _, p := range pairs {
		o.set(p.Key, p.Value)
	}
	return Value{kind: KindObject, obj: o}
}

func (o *object) set(key string, v Value) {
	name := o.name(key)
	if i, ok := o.index[name]; ok {
		o.values[i] = v
		return
	}
	o.index[name] = len(o.keys)
	o.keys = append(o.keys, key)
	o.values = append(o.values, v)
}

func (o *object) name(key string) string {
	if o.exact {
		return key
	}
	return foldCase(key)
}

// Get gives the value of a key of an object. It is false for a missing key and
// for any other kind.
func (v Value) Get(key string) (Value, bool) {
	if v.obj == nil {
		return Null, false
	}
	i, ok := v.obj.index[v.obj.name(key)]
	if !ok {
		return Null, false
	}
	return v.obj.values[i], true
}

// Keys gives the keys of an object in order, nil for any other kind.
func (v Value) Keys() []string {
	if v.obj == nil {
		return nil
	}
	return slices.Clone(v.obj.keys)
}
