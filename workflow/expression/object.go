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
	index  map[string]int // by name(key); nil while there are few keys
	exact  bool           // keys are found only as written
}

// fewKeys is how many keys are looked through without an index.
const fewKeys = 8

// NewObject gives a new object with the pairs in their order. Keys are found
// ignoring case; a later pair replaces the value of an earlier one of the same
// key, and the first spelling stays.
func NewObject(pairs ...Pair) Value { return newObject(pairs, false) }

// NewExactObject is NewObject with keys that are found only as they are
// written: what the env context is on systems other than Windows.
func NewExactObject(pairs ...Pair) Value { return newObject(pairs, true) }

func newObject(pairs []Pair, exact bool) Value {
	o := makeObject(len(pairs), exact)
	for _, p := range pairs {
		if i, ok := o.find(p.Key); ok {
			o.values[i] = p.Value
			continue
		}
		o.add(p.Key, p.Value)
	}
	return Value{kind: KindObject, obj: o}
}

func makeObject(size int, exact bool) *object {
	o := &object{keys: make([]string, 0, size), values: make([]Value, 0, size), exact: exact}
	if size > fewKeys {
		o.index = make(map[string]int, size)
	}
	return o
}

// add adds an entry unless the key is there.
func (o *object) add(key string, v Value) {
	if _, ok := o.find(key); ok {
		return
	}
	if o.index != nil {
		o.index[o.name(key)] = len(o.keys)
	}
	o.keys = append(o.keys, key)
	o.values = append(o.values, v)
}

// find gives the place of a key.
func (o *object) find(key string) (int, bool) {
	if o.index != nil {
		i, ok := o.index[o.name(key)]
		return i, ok
	}
	for i, k := range o.keys {
		if k == key || !o.exact && equalFold(k, key) {
			return i, true
		}
	}
	return 0, false
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
	i, ok := v.obj.find(key)
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
