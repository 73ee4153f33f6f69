// Package realrun is for tests with the tag real: it builds the runner, starts
// it as a process of its own, and gives it servers on loopback.
package realrun
