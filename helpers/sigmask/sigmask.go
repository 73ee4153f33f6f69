// Package sigmask changes which signals a thread blocks. A blocked signal
// waits in the kernel; a process that is started, and a program that replaces
// this one, begin with the mask of the thread that did it.
//
// Go keeps a mask that it began with, and takes the signals of signal.Notify
// out of it. Those that end a program (SIGHUP, SIGINT, SIGQUIT, SIGTERM) it
// unblocks at its start, whatever the mask was.
package sigmask
