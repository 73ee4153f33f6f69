package engine

import (
	"strings"

	"multirunner/workflow/expression"
)

// variables are environment variables in order. On Windows names ignore case;
// the first spelling stays.
type variables struct {
	fold  bool
	index map[string]int
	list  []variable
}

type variable struct{ name, value string }

func newVariables(fold bool, capacity int) *variables {
	return &variables{fold: fold, index: make(map[string]int, capacity), list: make([]variable, 0, capacity)}
}

func (v *variables) key(name string) string {
	if v.fold {
		return strings.ToUpper(name)
	}
	return name
}

// set replaces or adds a variable.
func (v *variables) set(name, value string) {
	key := v.key(name)
	if i, ok := v.index[key]; ok {
		v.list[i].value = value
		return
	}
	v.index[key] = len(v.list)
	v.list = append(v.list, variable{name, value})
}

// get gives a variable's value, "" when it is not set.
func (v *variables) get(name string) string {
	if i, ok := v.index[v.key(name)]; ok {
		return v.list[i].value
	}
	return ""
}

func (v *variables) has(name string) bool {
	_, ok := v.index[v.key(name)]
	return ok
}

// add sets all of the other's.
func (v *variables) add(other *variables) {
	for _, item := range other.list {
		v.set(item.name, item.value)
	}
}

// addEnviron sets K=V texts. What has no name is left out.
func (v *variables) addEnviron(environ []string) {
	for _, item := range environ {
		if name, value, ok := strings.Cut(item, "="); ok && name != "" {
			v.set(name, value)
		}
	}
}

func (v *variables) clone() *variables {
	return v.folded(v.fold)
}

// folded gives a copy in which names ignore case, or do not.
func (v *variables) folded(fold bool) *variables {
	c := newVariables(fold, len(v.list)+8)
	c.add(v)
	return c
}

// environ gives K=V texts. A process cannot have names with an equal sign, and
// neither names nor values with a zero byte: those are left out.
func (v *variables) environ() []string {
	out := make([]string, 0, len(v.list))
	for _, item := range v.list {
		if item.name == "" || strings.ContainsAny(item.name, "=\x00") || strings.Contains(item.value, "\x00") {
			continue
		}
		out = append(out, item.name+"="+item.value)
	}
	return out
}

// context gives the env context.
func (v *variables) context() expression.Value {
	pairs := make([]expression.Pair, len(v.list))
	for i, item := range v.list {
		pairs[i] = expression.Pair{Key: item.name, Value: expression.String(item.value)}
	}
	if v.fold {
		return expression.NewObject(pairs...)
	}
	return expression.NewExactObject(pairs...)
}
