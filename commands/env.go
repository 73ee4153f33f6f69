package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"multirunner/commands/configfile"
	"multirunner/commands/upgrade"
	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/network"
)

// Env is what the verbs take from the world, so that tests can give another.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// IsTerminal tells whether a person sits there: standard input and
	// standard error are terminals.
	IsTerminal func() bool
	// ReadPassword shows the prompt and reads a line that is not shown.
	ReadPassword func(prompt string) (string, error)
	Hostname     func() (string, error)
	AsRoot       bool
	Version      VersionInfo
	// Executors makes the executors of this build; Providers are those of a
	// verb that runs nothing itself.
	Executors func(ExecutorOptions) common.Providers
	Providers common.Providers
	// NewPool makes the connections of a verb. maxIdle is how many requests
	// there may be at once to one server.
	NewPool func(maxIdle int) *network.Pool
	// Args are the program's own, with its name. Without them `run` cannot be
	// upgraded in place.
	Args []string
	// Unsetenv removes a variable from the environment.
	Unsetenv func(string) error
	// Signals are being received already, for `run`; nil: they are not.
	Signals chan os.Signal
}

// ExecutorOptions are what executors are made with. All may be left out.
type ExecutorOptions struct {
	Log logrus.FieldLogger
	// Builds is where build directories are made, to look whether there is room.
	Builds string
	// Family starts a job's processes and ends what they leave.
	Family *process.Family
}

// SystemEnv is the process's own world.
func SystemEnv(version VersionInfo, executors func(ExecutorOptions) common.Providers) *Env {
	// A program that has replaced another one must not be ended by a signal that
	// the other would have obeyed.
	var signals chan os.Signal
	if os.Getenv(upgrade.Variable) != "" {
		signals = catchSignals()
	}
	return &Env{
		Args:     os.Args,
		Unsetenv: os.Unsetenv,
		Signals:  signals,

		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
		IsTerminal: func() bool {
			return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
		},
		ReadPassword: readPassword,
		Hostname:     os.Hostname,
		AsRoot:       os.Geteuid() == 0,
		Version:      version,
		Executors:    executors,
		Providers:    executors(ExecutorOptions{}),
		NewPool: func(maxIdle int) *network.Pool {
			return network.NewPool(network.PoolOptions{MaxIdlePerHost: maxIdle, UserAgent: "multirunner/" + version.Version})
		},
	}
}

func readPassword(prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	text, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", fmt.Errorf("cannot read from the terminal: %w", err)
	}
	return string(text), nil
}

// configPath is the file that -c names, or the default one.
func (e *Env) configPath(flag string) string {
	if flag != "" {
		return flag
	}
	return configfile.DefaultPath(e.Getenv, e.AsRoot)
}

// load reads the configuration that -c names.
func (e *Env) load(flag string) (*configfile.File, error) {
	return configfile.Loader{Getenv: e.Getenv}.Load(e.configPath(flag))
}

// VersionInfo says what was built.
type VersionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// NewVersionInfo completes a version by what the toolchain noted in the
// program.
func NewVersionInfo(version string) VersionInfo {
	info := VersionInfo{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			info.Revision = setting.Value
		}
	}
	return info
}

func (v VersionInfo) String() string {
	text := fmt.Sprintf("%s (%s, %s/%s)", v.Version, v.Go, v.OS, v.Arch)
	if v.Revision != "" {
		text = fmt.Sprintf("%s (%.12s, %s, %s/%s)", v.Version, v.Revision, v.Go, v.OS, v.Arch)
	}
	return text
}

// errSilent ends a verb with exit status 1 after it has said why.
var errSilent = errors.New("failed")
