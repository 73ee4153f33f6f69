// Package command finds the commands that a step's process writes to its
// output: ::name key=value::data, and the older ##[name key=value;]data.
//
// It only reads: what a command does is up to whoever runs the step.
package command
