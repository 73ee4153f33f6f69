package commands

import (
	"os"
	"os/signal"
	"syscall"
)

// stopSignals are Ctrl-C, Ctrl-Break and the end of the session; a change of
// the file is the way to reload.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func isReload(os.Signal) bool { return false }

func isDrain(os.Signal) bool { return false }

func isUpgrade(os.Signal) bool { return false }

// leaveSignals ends the receiving.
func leaveSignals(received chan os.Signal) { signal.Stop(received) }

// interruptSignals end `exec`.
func interruptSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }
