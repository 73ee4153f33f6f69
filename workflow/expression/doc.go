// Package expression is the expression language of workflows: what stands in
// ${{ }} and in `if`. It parses, tells which contexts and functions an
// expression needs, and evaluates it over a Scope with the coercions that
// GitHub documents under "Evaluate expressions in workflows and actions".
//
// Parsed expressions and values are immutable and safe for concurrent use.
// Evaluation does no I/O of its own and is bounded in depth, time and memory.
package expression
