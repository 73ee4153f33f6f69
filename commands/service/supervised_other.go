//go:build !windows

package service

// Run runs the program of the service: systemd and launchd want nothing more.
func Run(program func(Supervision) error) error { return program(Supervision{}) }
