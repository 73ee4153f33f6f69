// Package service makes `runner run` a service of the system: it installs,
// controls and asks systemd, launchd or the service manager of Windows, and
// checks beforehand that what it installs is safe and will work.
package service

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"multirunner/common"
)

// DefaultName is the service's when none is given.
const DefaultName = "runner"

// Spec is a service to install. All paths are absolute.
type Spec struct {
	Name    string
	Program string
	Config  string
	// StateDir is where the service keeps its state. It goes onto the command
	// line only when FixedStateDir: else the configuration names it.
	StateDir      string
	FixedStateDir bool
	// User is whom the service runs as; empty means the system's default, root
	// on Unix.
	User string
}

// Arguments are those of the program.
func (s Spec) Arguments() []string {
	args := []string{"run", "--config", s.Config}
	if s.FixedStateDir {
		args = append(args, "--working-directory", s.StateDir)
	}
	return args
}

func (s Spec) description() string { return fmt.Sprintf("Gitea Actions runner (%s)", s.Name) }

// nameMax is what a service's name may have.
const nameMax = 64

// CheckName tells what is wrong with a service's name. Names are file names of
// units and keys of the registry, and must mean the same everywhere.
func CheckName(name string) error {
	if base, found := strings.CutSuffix(name, ".service"); found {
		return fmt.Errorf("--name %q: write it without .service: --name %s", name, base)
	}
	plain := common.IsPlainName(strings.ReplaceAll(name, ".", "-"), nameMax)
	if !plain || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
		return fmt.Errorf("--name %q: a service's name begins with a letter or digit and has only letters, digits, '-', '_' and '.' in it, 64 at most", name)
	}
	return nil
}

// Manager is the system's service manager.
type Manager interface {
	// Text is the definition that Install would write. Nothing is touched.
	Text(Spec) (string, error)
	// Install writes the definition and has the service started with the
	// machine; it does not start it now. An existing one of ours is replaced
	// only by force. After an error nothing is left.
	Install(ctx context.Context, spec Spec, force bool) (Outcome, error)
	// Uninstall stops the service, which drains it, and removes the
	// definition. Configuration and state stay.
	Uninstall(ctx context.Context, name string) error
	// Start returns when the service says that it is ready, where the manager
	// can tell.
	Start(ctx context.Context, name string) error
	// Stop and Restart let running jobs end, up to shutdown_timeout, and
	// return afterwards. The stop goes on when ctx is done before.
	Stop(ctx context.Context, name string) error
	Restart(ctx context.Context, name string) error
	Status(ctx context.Context, name string) (Status, error)
	// Arguments are those of the program that the definition starts.
	Arguments(name string) ([]string, error)
	// EnvironmentFile is where variables of the service can be set; empty
	// where there is no such file.
	EnvironmentFile(name string) string
}

// Outcome tells what Install has done.
type Outcome int

const (
	Installed Outcome = iota
	Unchanged         // it was installed like this already
	Replaced
)

// State is what a service does.
type State string

const (
	Running      State = "running"
	Starting     State = "starting"
	Reloading    State = "reloading"
	Stopping     State = "stopping"
	Stopped      State = "stopped"
	Failed       State = "failed"
	NotInstalled State = "not installed"
)

// Status is what a manager says of a service. What it does not say is zero.
type Status struct {
	Name       string    `json:"name"`
	State      State     `json:"state"`
	Installed  bool      `json:"installed"`
	Enabled    bool      `json:"enabled"` // starts with the machine
	PID        int       `json:"pid,omitempty"`
	Since      time.Time `json:"since,omitzero"`     // of the state
	Text       string    `json:"status,omitempty"`   // what the runner says of itself
	Result     string    `json:"result,omitempty"`   // why it failed
	Restarts   int       `json:"restarts,omitempty"` // by the manager, since it was started
	Definition string    `json:"definition,omitempty"`
	// Outdated says that the definition has changed since the manager read it.
	Outdated bool   `json:"outdated,omitempty"`
	Manager  string `json:"manager"`
}

// ExitCode is what systemctl status would exit with: 0 for a service that
// runs, 3 for one that does not, 4 for none of that name.
func (s Status) ExitCode() int {
	switch s.State {
	case Running, Reloading:
		return 0
	case NotInstalled:
		return 4
	}
	return 3
}

// NotInstalledError says that there is no such service.
type NotInstalledError struct{ Name string }

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("no service %s is installed here: runner service install%s", e.Name, NameFlag(e.Name))
}

// NameFlag is what a command line needs so that it means this service.
func NameFlag(name string) string {
	if name == DefaultName {
		return ""
	}
	return " --name " + name
}

// Host is the machine that services are installed on.
type Host struct {
	Manager Manager
	// Privileged tells whether this process may install services.
	Privileged bool
	// Program is what is installed; empty means this program.
	Program string
	// DefaultStateDir is where a service keeps its state when nothing says
	// otherwise.
	DefaultStateDir func(name string) string
}

// ProgramPath is the program to install.
func (h Host) ProgramPath() (string, error) {
	if h.Program != "" {
		return h.Program, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("where is this program: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("this program's file is gone, start the one to install: %w", err)
	}
	return path, nil
}
