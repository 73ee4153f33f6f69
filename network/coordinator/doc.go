// Package coordinator is a Gitea Actions server in this process: it plans runs
// from workflow files, hands their jobs to runners over the runner protocol
// and keeps their states and logs, in memory.
//
// It serves two ends. `runner exec` runs workflow files on it. Tests run
// against it, so it follows a real Gitea in what a runner can see, oddities
// included (the gate on the tasks version, errors wrapped as "unknown", steps
// that start again when they are omitted), and it can be told to fail in all
// the ways that servers and networks do.
//
// It is reached over HTTP (Handler), or in memory without sockets (Transport),
// which works inside testing/synctest.
package coordinator
