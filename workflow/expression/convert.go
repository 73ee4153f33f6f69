package expression

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// FromAny gives the value of data as encoding/json decodes it, and of what is
// like it: nil, booleans, numbers of every type, strings, slices, arrays, maps
// with string keys (which are sorted), pointers to such, and Values. Anything
// else becomes the string that fmt prints.
func FromAny(data any) Value {
	switch d := data.(type) {
	case nil:
		return Null
	case Value:
		return d
	case bool:
		return Bool(d)
	case string:
		return String(d)
	case float64:
		return Number(d)
	case int:
		return Number(float64(d))
	case json.Number:
		return Number(parseNumber(d.String()))
	case []any:
		return fromSlice(d)
	case []string:
		return fromSlice(d)
	case []Value:
		return Array(d)
	case map[string]any:
		return fromMap(d)
	case map[string]string:
		return fromMap(d)
	case map[string]Value:
		return fromMap(d)
	}
	return fromReflect(reflect.ValueOf(data))
}

func fromSlice[T any](data []T) Value {
	items := make([]Value, len(data))
	for i, item := range data {
		items[i] = FromAny(item)
	}
	return newArray(items, false)
}

func fromMap[T any](data map[string]T) Value {
	pairs := make([]Pair, 0, len(data))
	for _, key := range slices.Sorted(maps.Keys(data)) {
		pairs = append(pairs, Pair{key, FromAny(data[key])})
	}
	return NewObject(pairs...)
}

func fromReflect(v reflect.Value) Value {
	switch v.Kind() {
	case reflect.Bool:
		return Bool(v.Bool())
	case reflect.String:
		return String(v.String())
	case reflect.Float32, reflect.Float64:
		return Number(v.Float())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Number(float64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return Number(float64(v.Uint()))
	case reflect.Slice, reflect.Array:
		items := make([]Value, v.Len())
		for i := range items {
			items[i] = FromAny(v.Index(i).Interface())
		}
		return newArray(items, false)
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			data := make(map[string]any, v.Len())
			for key, item := range v.Seq2() {
				data[key.String()] = item.Interface()
			}
			return fromMap(data)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return Null
		}
		return FromAny(v.Elem().Interface())
	}
	return String(fmt.Sprint(v))
}

// ToAny gives the value as encoding/json decodes such data: nil, bool,
// float64, string, []any, map[string]any.
func (v Value) ToAny() any {
	switch v.kind {
	case KindBoolean:
		return v.num != 0
	case KindNumber:
		return v.num
	case KindString:
		return v.str
	case KindArray:
		items := make([]any, len(v.arr.items))
		for i, item := range v.arr.items {
			items[i] = item.ToAny()
		}
		return items
	case KindObject:
		data := make(map[string]any, len(v.obj.keys))
		for i, key := range v.obj.keys {
			data[key] = v.obj.values[i].ToAny()
		}
		return data
	}
	return nil
}
