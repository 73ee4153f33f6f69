// Package exec is `runner exec`: a workflow file run on this machine through
// the in-process server, the supervisor, job processes and the sender, as a
// job of a real server would be.
package exec

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sirupsen/logrus"

	"multirunner/common"
)

// Options are what the command line says.
type Options struct {
	Dir           string // the project; its workflows, and the source of the workspace
	Workflows     []string
	Event         string
	EventFile     string
	Job           string // run only this one and what it needs
	Secrets       map[string]string
	Vars          map[string]string
	Env           map[string]string
	Inputs        map[string]string
	Labels        []string
	Concurrent    int
	Registrations int
	InPlace       bool
	JSON          bool

	Stdout, Stderr io.Writer
	Colour         bool
	Version        string
	Getenv         func(string) string
	Providers      common.Providers
	Log            *logrus.Logger
	// Interrupts is closed or sent to by a person's Ctrl-C: the first cancels,
	// the second kills.
	Interrupts <-chan os.Signal
}

// pairs reads K=V arguments. A K alone takes its value from the environment,
// so that a secret need not stand in a command line.
func Pairs(flag string, args []string, getenv func(string) string) (map[string]string, error) {
	pairs := make(map[string]string, len(args))
	for _, arg := range args {
		key, value, given := strings.Cut(arg, "=")
		if key == "" {
			return nil, fmt.Errorf("--%s %q: write --%s NAME=VALUE, or --%s NAME to take the value from the environment", flag, arg, flag, flag)
		}
		if !given {
			if value = getenv(key); value == "" {
				return nil, fmt.Errorf("--%s %s: no =VALUE, and the environment has no %s", flag, key, key)
			}
		}
		pairs[key] = value
	}
	return pairs, nil
}

// readEvent reads the payload of --event-file.
func readEvent(path string) (map[string]any, error) {
	event := map[string]any{}
	if path == "" {
		return event, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--event-file: %w", err)
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, fmt.Errorf("--event-file %s: %w: the file must hold one JSON object, the event's payload", path, err)
	}
	return event, nil
}
