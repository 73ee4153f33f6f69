// Package faults holds the tests that run the real binary against the
// in-process server, with what goes wrong in real life: servers that hang,
// signals, processes that do not want to end. They need `-tags real`.
package faults
