package expression

import (
	"maps"
	"slices"
)

// Scope is what an expression is evaluated over.
type Scope struct {
	// Lookup gives a context by its name, in lower case. It is called once per
	// context that occurs and evaluation, also for those that the evaluation
	// then does not reach. Nil knows no context.
	Lookup func(context string) (Value, bool)
	// Contexts are the names that Lookup knows, for error messages only.
	Contexts []string
	// Functions are known besides the built-in ones, by lower-case name.
	Functions map[string]Function
}

// Function is a function of a Scope. Call gets between MinArgs and MaxArgs
// values; MaxArgs -1 means any number. It may be called from several
// goroutines at once when the Scope is shared. What it returns becomes an
// evaluation error that wraps it.
type Function struct {
	MinArgs, MaxArgs int
	Call             func(args []Value) (Value, error)
}

// ScopeOf gives a scope with the keys of an object as its contexts.
func ScopeOf(contexts Value, functions map[string]Function) Scope {
	return Scope{Lookup: contexts.Get, Contexts: contexts.Keys(), Functions: functions}
}

func (s Scope) functionNames() []string {
	names := slices.Collect(maps.Keys(s.Functions))
	for _, fn := range builtins {
		names = append(names, fn.name)
	}
	return names
}
