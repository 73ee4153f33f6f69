// Package model is the job language as data: a workflow file or a server's
// payload, parsed with the place of everything in it, not yet evaluated.
//
// What is parsed is immutable and safe for concurrent use. Input is hostile:
// its size, depth, and what its aliases expand to are bounded.
package model
