//go:build !linux

package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/kardianos/service"
)

// stopLook is how often a service that stops is looked at.
const stopLook = 500 * time.Millisecond

// library is a service manager that the kardianos/service library speaks to.
type library struct {
	// configure adds what is the system's own.
	configure func(Spec, *service.Config) error
	text      func(Spec) (string, error)
	// finish is done after the library's part of an install.
	finish func(Spec) error
	// definition tells where the definition is kept.
	definition func(name string) string
}

// program satisfies the library. It never runs: Host is what does.
type program struct{}

func (program) Start(service.Service) error { return errors.New("not used") }
func (program) Stop(service.Service) error  { return errors.New("not used") }

func (l *library) service(spec Spec) (service.Service, error) {
	config := &service.Config{
		Name: spec.Name, DisplayName: spec.description(), Description: spec.description(),
		UserName: spec.User, Executable: spec.Program, Arguments: spec.Arguments(), Option: service.KeyValue{},
	}
	if err := l.configure(spec, config); err != nil {
		return nil, err
	}
	return service.New(program{}, config)
}

func (l *library) named(name string) (service.Service, error) {
	return service.New(program{}, &service.Config{Name: name})
}

func (l *library) Text(spec Spec) (string, error) { return l.text(spec) }

func (l *library) EnvironmentFile(string) string { return "" }

func (l *library) Install(ctx context.Context, spec Spec, force bool) (Outcome, error) {
	s, err := l.service(spec)
	if err != nil {
		return 0, err
	}
	status, err := l.Status(ctx, spec.Name)
	if err != nil {
		return 0, err
	}
	outcome := Installed
	if status.Installed {
		switch {
		case !force:
			return 0, fmt.Errorf("%s is installed already: --force replaces it", spec.Name)
		case status.State != Stopped:
			return 0, fmt.Errorf("%s runs: stop it before it is replaced (runner service stop%s)", spec.Name, NameFlag(spec.Name))
		}
		if err := s.Uninstall(); err != nil {
			return 0, fmt.Errorf("remove the old service: %w", err)
		}
		outcome = Replaced
	}
	if err := s.Install(); err != nil {
		return 0, fmt.Errorf("install the service: %w", err)
	}
	if err := l.finish(spec); err != nil {
		return 0, errors.Join(err, s.Uninstall())
	}
	return outcome, nil
}

func (l *library) Uninstall(ctx context.Context, name string) error {
	s, err := l.installed(ctx, name)
	if err != nil {
		return err
	}
	if err := l.Stop(ctx, name); err != nil {
		return err
	}
	if err := s.Uninstall(); err != nil {
		return fmt.Errorf("remove the service: %w", err)
	}
	return nil
}

func (l *library) Start(ctx context.Context, name string) error {
	s, err := l.installed(ctx, name)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	return nil
}

// Stop waits until the service has stopped: it drains.
func (l *library) Stop(ctx context.Context, name string) error {
	s, err := l.installed(ctx, name)
	if err != nil {
		return err
	}
	if status, err := l.Status(ctx, name); err != nil || status.State == Stopped {
		return err
	}
	if err := s.Stop(); err != nil {
		return fmt.Errorf("stop the service: %w", err)
	}
	ticker := time.NewTicker(stopLook)
	defer ticker.Stop()
	for {
		status, err := l.Status(ctx, name)
		if err != nil || status.State != Running {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (l *library) Restart(ctx context.Context, name string) error {
	if err := l.Stop(ctx, name); err != nil {
		return err
	}
	return l.Start(ctx, name)
}

// Arguments reads the definition.
func (l *library) Arguments(name string) ([]string, error) {
	text, err := os.ReadFile(l.definition(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotInstalledError{name}
	}
	if err != nil {
		return nil, err
	}
	return plistArguments(text)
}

// installed gives a service that is there.
func (l *library) installed(ctx context.Context, name string) (service.Service, error) {
	status, err := l.Status(ctx, name)
	if err != nil {
		return nil, err
	}
	if !status.Installed {
		return nil, &NotInstalledError{name}
	}
	return l.named(name)
}

func (l *library) Status(_ context.Context, name string) (Status, error) {
	s, err := l.named(name)
	if err != nil {
		return Status{}, err
	}
	status := Status{Name: name, Installed: true, Enabled: true, State: Stopped, Definition: l.definition(name), Manager: service.Platform()}
	state, err := s.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		return Status{Name: name, State: NotInstalled, Manager: status.Manager}, nil
	case err != nil:
		return Status{}, fmt.Errorf("ask for the service: %w", err)
	case state == service.StatusRunning:
		status.State = Running
	}
	return status, nil
}
