//go:build unix

package commands

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"multirunner/executors/docker/shim"
	"multirunner/helpers/process"
)

// serveShim serves the connection on standard input and output until that ends
// or the container is stopped.
func serveShim() error {
	// The job's processes may be of the same user. They must not read what this
	// one is told for others of them, nor speak in its place.
	_ = process.HideMemory()
	// It moves bytes. More threads only count towards the container's limit.
	runtime.GOMAXPROCS(2)

	in, err := polled(0, "standard input")
	if err != nil {
		return err
	}
	out, err := polled(1, "standard output")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// The rest must neither end it nor be ignored by what it starts.
	others := make(chan os.Signal, 1)
	signal.Notify(others, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2)
	return shim.Serve(ctx, shim.ServeOptions{In: in, Out: out})
}

// polled gives an open file whose pending reads and writes end when it is
// closed.
func polled(fd int, name string) (*os.File, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
