//go:build unix

package commands

import (
	"os"
	"os/signal"
	"syscall"
)

func stopSignals() []os.Signal {
	return []os.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT}
}

func isReload(sig os.Signal) bool { return sig == syscall.SIGHUP }

func isDrain(sig os.Signal) bool { return sig == syscall.SIGQUIT }

// interruptSignals end `exec`: Ctrl-C, and a terminal that is gone (not under
// nohup).
func interruptSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
