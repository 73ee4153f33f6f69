// Package gitpack turns what a git server sends, a pack, into the files of a
// commit.
//
// Every object is checked against its name, with a SHA-1 that detects
// collisions: what has the name of a commit is that commit. The server is not
// trusted beyond that. Sizes, counts and depths are bounded before anything of
// such a size is held or written, and nothing is written outside of the
// directory given, whatever names and links the commit has. No hooks, filters
// or attributes are obeyed, submodules are empty directories.
package gitpack
