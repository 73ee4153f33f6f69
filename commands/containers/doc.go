// Package containers is for tests with the tag real: the real program runs
// workflows with containers over a real engine, is killed at every stage, and
// leaves nothing.
package containers
