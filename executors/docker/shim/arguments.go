package shim

import "strconv"

// Verb is the command of the program that serves a container, or works on the
// directories that are mounted into it.
const Verb = "shim"

// Flags of Verb.
const (
	FlagEmpty = "--empty" // DIRECTORY...: Empty
	FlagChown = "--chown" // UID:GID DIRECTORY...: Chown
)

// ServeArgs are the arguments of the program for Serve.
func ServeArgs() []string { return []string{Verb} }

// EmptyArgs are the arguments of the program for Empty.
func EmptyArgs(dirs ...string) []string { return append([]string{Verb, FlagEmpty}, dirs...) }

// ChownArgs are the arguments of the program for Chown.
func ChownArgs(uid, gid int, dirs ...string) []string {
	return append([]string{Verb, FlagChown, strconv.Itoa(uid) + ":" + strconv.Itoa(gid)}, dirs...)
}
