//go:build unix

package commands

import (
	"os"
	"os/signal"
	"syscall"
)

func stopSignals() []os.Signal {
	return []os.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR2}
}

func isReload(sig os.Signal) bool { return sig == syscall.SIGHUP }

func isDrain(sig os.Signal) bool { return sig == syscall.SIGQUIT }

func isUpgrade(sig os.Signal) bool { return sig == syscall.SIGUSR2 }

// leaveSignals ends the receiving in a program that is about to be replaced:
// what came before is in the channel. The next program reads the configuration
// after it listens, so that nothing is lost when SIGHUP is ignored until then.
// So it is with SIGUSR2, which the program that is on disk afterwards has
// obeyed; it waits while the program is replaced, see reexec.
func leaveSignals(received chan os.Signal) {
	signal.Ignore(syscall.SIGHUP)
	signal.Stop(received)
}

// interruptSignals end `exec`: Ctrl-C, and a terminal that is gone (not under
// nohup).
func interruptSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
