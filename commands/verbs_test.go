package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// world is the Env of one run of the program.
type world struct {
	env            *Env
	stdout, stderr bytes.Buffer
	getenv         map[string]string
	passwords      []string
}

func newWorld(t *testing.T) *world {
	w := &world{getenv: map[string]string{"XDG_STATE_HOME": t.TempDir()}}
	w.env = &Env{
		Stdin:      strings.NewReader(""),
		Stdout:     &w.stdout,
		Stderr:     &w.stderr,
		Getenv:     func(name string) string { return w.getenv[name] },
		IsTerminal: func() bool { return false },
		ReadPassword: func(prompt string) (string, error) {
			w.stderr.WriteString(prompt)
			if len(w.passwords) == 0 {
				return "", io.EOF
			}
			next := w.passwords[0]
			w.passwords = w.passwords[1:]
			return next, nil
		},
		Hostname:  func() (string, error) { return "this-host", nil },
		Version:   VersionInfo{Version: "1.2.3", Revision: "abcdef0123456789", Go: "go1.26", OS: "linux", Arch: "amd64"},
		Providers: common.Providers{"shell": fakeProvider{name: "shell", schemes: []string{"host"}}},
		NewPool: func(maxIdle int) *network.Pool {
			return network.NewPool(network.PoolOptions{MaxIdlePerHost: maxIdle})
		},
	}
	return w
}

// run runs the program and gives its exit status.
func (w *world) run(args ...string) int {
	w.stdout.Reset()
	w.stderr.Reset()
	env := w.env
	app := NewApp(env, RegisterCommand(env), UnregisterCommand(env), ListCommand(env), VerifyCommand(env),
		JobsCommand(env), CancelCommand(env), PauseCommand(env), ResumeCommand(env), DrainCommand(env),
		ConfigCommand(env), VersionCommand(env), CompletionCommand(env), echoCommand(env))
	return ExitCode(env, app.Run(append([]string{"runner"}, args...)))
}

// must fails the test when the program does.
func (w *world) must(t *testing.T, args ...string) {
	t.Helper()
	if code := w.run(args...); code != 0 {
		t.Fatalf("runner %q: exit %d\n%s%s", args, code, w.stdout.String(), w.stderr.String())
	}
}

// fails wants exit status 1 and the texts on standard error.
func (w *world) fails(t *testing.T, args []string, want ...string) {
	t.Helper()
	if code := w.run(args...); code != 1 {
		t.Errorf("runner %q: exit %d, want 1\n%s%s", args, code, w.stdout.String(), w.stderr.String())
	}
	contains(t, w.stderr.String(), want...)
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// echoCommand shows what the app makes of a command line.
func echoCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name: "echo", ArgsUsage: "[WORD]", Hidden: true,
		Flags: []cli.Flag{&cli.StringSliceFlag{Name: "word-list"}, &cli.BoolFlag{Name: "flag"}},
		Action: func(c *cli.Context) error {
			log, err := env.Log(c, nil)
			if err != nil {
				return err
			}
			log.WithField("key", "value").Debug("debug line")
			log.Info("info line")
			return env.printJSON(map[string]any{"args": c.Args().Slice(), "words": c.StringSlice("word-list"), "flag": c.Bool("flag")})
		},
	}
}

// fakeProvider is an executor that is there, or says why not.
type fakeProvider struct {
	name    string
	schemes []string
	reason  string
}

func (p fakeProvider) Name() string                           { return p.name }
func (p fakeProvider) Schemes() []string                      { return p.schemes }
func (p fakeProvider) Inherits(*common.RunnerConfig) []string { return nil }
func (p fakeProvider) Available(context.Context) error {
	if p.reason != "" {
		return errors.New(p.reason)
	}
	return nil
}
func (p fakeProvider) Acquire(context.Context, *common.RunnerConfig) (common.Reservation, error) {
	return nil, errors.New("not here")
}
func (p fakeProvider) Create(*common.JobSpec) (common.Executor, error) {
	return nil, errors.New("not here")
}

// instance is a server that can be registered with.
type instance struct {
	*coordinator.Server
	url   string
	token string
}

func newInstance(t *testing.T) *instance {
	t.Helper()
	server := coordinator.New(coordinator.Options{})
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	return &instance{server, web.URL, server.AddRegistrationToken(coordinator.Scope{})}
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return web.URL
}

// tomlFile writes a configuration and gives its path.
func tomlFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func fromJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}
