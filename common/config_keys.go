package common

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// KeyDoc is a key that a config file may have.
type KeyDoc struct {
	Path    string // runners.shell.user
	Type    string // for people: "duration", "list of strings"
	Default string // as TOML writes it
}

// KnownKeys gives every key in the order of the struct, from the struct.
func KnownKeys() []KeyDoc {
	return appendKeys(nil, "", reflect.ValueOf(DefaultConfig()).Elem())
}

func appendKeys(keys []KeyDoc, prefix string, table reflect.Value) []KeyDoc {
	for i := range table.NumField() {
		name := table.Type().Field(i).Tag.Get("toml")
		value := table.Field(i)
		switch value.Interface().(type) {
		case []*RunnerConfig:
			keys = appendKeys(keys, prefix+name+".", reflect.ValueOf(DefaultRunner()).Elem())
			continue
		case []RegistryConfig:
			keys = appendKeys(keys, prefix+name+".", reflect.ValueOf(RegistryConfig{}))
			continue
		case Secret:
			keys = append(keys, KeyDoc{prefix + name, "string", `""`})
			continue
		}
		if value.Kind() == reflect.Struct {
			keys = appendKeys(keys, prefix+name+".", value)
			continue
		}
		keys = append(keys, KeyDoc{prefix + name, typeName(value), tomlLiteral(value)})
	}
	return keys
}

func typeName(v reflect.Value) string {
	switch v.Interface().(type) {
	case Duration:
		return "duration"
	case Size:
		return "size"
	case Switch:
		return `"auto", true or false`
	case PullPolicy:
		return "string or list of strings"
	}
	switch v.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		return "number"
	case reflect.Int:
		return "integer"
	case reflect.Slice:
		return "list of strings"
	}
	return "string"
}

func tomlLiteral(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case Duration:
		return strconv.Quote(value.String())
	case Size:
		if value == 0 {
			return "0"
		}
		return strconv.Quote(value.String())
	}
	switch v.Kind() {
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Slice:
		elements := make([]string, v.Len())
		for i := range elements {
			elements[i] = tomlLiteral(v.Index(i))
		}
		return "[" + strings.Join(elements, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// keyTables gives the known keys by the table that holds them ("" for the
// top), sub-tables included, each in the order of the struct.
func keyTables() map[string][]string {
	tables := map[string][]string{}
	seen := map[string]bool{}
	for _, key := range KnownKeys() {
		for path := key.Path; path != "" && !seen[path]; {
			seen[path] = true
			table, name := splitKey(path)
			tables[table] = append(tables[table], name)
			path = table
		}
	}
	return tables
}

func splitKey(path string) (table, name string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}
