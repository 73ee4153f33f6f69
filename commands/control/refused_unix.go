//go:build !windows

package control

import "syscall"

// errRefused is what connecting to a socket gives that nobody listens at.
const errRefused = syscall.ECONNREFUSED
