// Package semantics says as a table what a job means: workflows, and what
// becomes of them by the rules of GitHub's runner. Each runs over the dummy
// executor and over the one of this machine, and must come out the same. It has
// tests only.
package semantics
