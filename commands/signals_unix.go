//go:build unix

package commands

import (
	"os"
	"syscall"
)

func stopSignals() []os.Signal {
	return []os.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT}
}

func isReload(sig os.Signal) bool { return sig == syscall.SIGHUP }

func isDrain(sig os.Signal) bool { return sig == syscall.SIGQUIT }
