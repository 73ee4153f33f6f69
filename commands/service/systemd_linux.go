package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"multirunner/helpers/atomicfile"
)

// unitDirectory is where the administrator's units are.
const unitDirectory = "/etc/systemd/system"

// systemDirectories have the units of packages, which one of ours would hide.
func systemDirectories() []string {
	return []string{"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/system"}
}

// Systemd is systemd. Units are written by us, whole or not at all: they need
// more quoting, and installs more care, than a general library gives them.
type Systemd struct {
	// Root is put before the paths of units; empty is the machine's own.
	Root string
	// Systemctl runs systemctl and gives its standard output; nil runs the
	// real one.
	Systemctl func(ctx context.Context, args ...string) ([]byte, error)
}

// System is this machine.
func System() Host {
	return Host{
		Manager:         &Systemd{},
		Privileged:      os.Geteuid() == 0,
		DefaultStateDir: func(name string) string { return filepath.Join("/var/lib", name) },
	}
}

func (s *Systemd) Text(spec Spec) (string, error) { return unitText(spec) }

func (s *Systemd) EnvironmentFile(name string) string {
	return filepath.Join(s.Root, environmentFile(name))
}

func (s *Systemd) unitPath(name string) string {
	return filepath.Join(s.Root, unitDirectory, name+".service")
}

func (s *Systemd) Install(ctx context.Context, spec Spec, force bool) (Outcome, error) {
	text, err := unitText(spec)
	if err != nil {
		return 0, err
	}
	if err := s.booted(); err != nil {
		return 0, err
	}
	if err := s.foreign(spec.Name); err != nil {
		return 0, err
	}
	path := s.unitPath(spec.Name)
	old, err := s.own(spec.Name)
	outcome := Replaced
	switch {
	case errors.Is(err, fs.ErrNotExist):
		outcome = Installed
	case err != nil:
		return 0, err
	case string(old) == text:
		outcome = Unchanged
	case !force:
		return 0, fmt.Errorf("%s is installed with other settings: --force replaces them (see %s)", spec.Name, path)
	}
	if err := s.write(ctx, spec.Name, text); err != nil {
		return 0, errors.Join(err, s.restore(ctx, spec.Name, old))
	}
	return outcome, nil
}

// write makes systemd know a unit, and start it with the machine. It is safe
// to do again: an install may have been cut short.
func (s *Systemd) write(ctx context.Context, name, text string) error {
	if err := atomicfile.Write(s.unitPath(name), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the unit: %w", err)
	}
	if _, err := s.systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	_, err := s.systemctl(ctx, "enable", unit(name))
	return err
}

// restore undoes write: the old unit is back, or none is there.
func (s *Systemd) restore(ctx context.Context, name string, old []byte) error {
	ctx = context.WithoutCancel(ctx)
	if old != nil {
		if err := atomicfile.Write(s.unitPath(name), old, 0o644); err != nil {
			return err
		}
	} else if err := os.Remove(s.unitPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.systemctl(ctx, "daemon-reload") // what is wrong with it has been said
	return nil
}

// booted tells whether systemd runs here: a machine may have its programs
// without it, containers have them often.
func (s *Systemd) booted() error {
	if _, err := os.Stat(filepath.Join(s.Root, "/run/systemd/system")); err != nil {
		return errors.New("systemd does not run this machine: let your init system start `runner run`, or take the unit elsewhere with `runner service install --print`")
	}
	return nil
}

// foreign refuses a name that a package of the system uses.
func (s *Systemd) foreign(name string) error {
	for _, dir := range systemDirectories() {
		path := filepath.Join(s.Root, dir, unit(name))
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("the system has a service %s already (%s): choose another name with --name", name, path)
		}
	}
	return nil
}

// own gives the unit that was installed under a name. It satisfies
// fs.ErrNotExist when there is none, and is another error when it is not ours.
func (s *Systemd) own(name string) ([]byte, error) {
	path := s.unitPath(name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file (a masked or linked unit?): remove it, or choose another name with --name", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(data, []byte(unitMarker)) {
		return nil, fmt.Errorf("%s was not written by runner service install: it is left alone; choose another name with --name", path)
	}
	return data, nil
}

func (s *Systemd) Uninstall(ctx context.Context, name string) error {
	if _, err := s.own(name); errors.Is(err, fs.ErrNotExist) {
		return &NotInstalledError{name}
	} else if err != nil {
		return err
	}
	if err := s.booted(); err != nil {
		return err
	}
	for _, args := range [][]string{{"stop", unit(name)}, {"disable", unit(name)}} {
		if _, err := s.systemctl(ctx, args...); err != nil {
			return err
		}
	}
	if err := os.Remove(s.unitPath(name)); err != nil {
		return err
	}
	_, err := s.systemctl(ctx, "daemon-reload")
	s.systemctl(ctx, "reset-failed", unit(name)) // an error when it had not failed
	return err
}

func (s *Systemd) Start(ctx context.Context, name string) error { return s.control(ctx, "start", name) }
func (s *Systemd) Stop(ctx context.Context, name string) error  { return s.control(ctx, "stop", name) }
func (s *Systemd) Restart(ctx context.Context, name string) error {
	return s.control(ctx, "restart", name)
}

func (s *Systemd) control(ctx context.Context, action, name string) error {
	if err := s.booted(); err != nil {
		return err
	}
	if _, err := os.Lstat(s.unitPath(name)); errors.Is(err, fs.ErrNotExist) && s.foreign(name) == nil {
		return &NotInstalledError{name}
	}
	_, err := s.systemctl(ctx, action, unit(name))
	return err
}

// Arguments reads the unit that was installed.
func (s *Systemd) Arguments(name string) ([]string, error) {
	text, err := s.own(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotInstalledError{name}
	}
	if err != nil {
		return nil, err
	}
	return unitArguments(string(text))
}

// statusProperties are what Status reads.
const statusProperties = "LoadState,ActiveState,StateChangeTimestamp,MainPID,StatusText,UnitFileState,NRestarts,Result,FragmentPath,NeedDaemonReload"

func (s *Systemd) Status(ctx context.Context, name string) (Status, error) {
	if err := s.booted(); err != nil {
		return Status{}, err
	}
	out, err := s.systemctl(ctx, "show", "--no-pager", "--property="+statusProperties, unit(name))
	if err != nil {
		return Status{}, err
	}
	return parseStatus(name, string(out)), nil
}

func parseStatus(name, shown string) Status {
	p := map[string]string{}
	for line := range strings.Lines(shown) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		p[key] = value
	}
	status := Status{
		Name: name, State: NotInstalled, Manager: "systemd",
		Installed:  p["LoadState"] != "not-found" && p["LoadState"] != "",
		Enabled:    p["UnitFileState"] == "enabled",
		Definition: p["FragmentPath"],
		Outdated:   p["NeedDaemonReload"] == "yes",
	}
	if !status.Installed && p["ActiveState"] == "inactive" {
		return status
	}
	status.State = stateOf(p["ActiveState"])
	status.PID, _ = strconv.Atoi(p["MainPID"])
	status.Restarts, _ = strconv.Atoi(p["NRestarts"])
	switch status.State {
	case Failed:
		status.Result = p["Result"]
	case Stopped:
	default:
		status.Text = p["StatusText"] // the last word of one that ended says nothing
	}
	if since, err := time.Parse("Mon 2006-01-02 15:04:05 MST", p["StateChangeTimestamp"]); err == nil {
		status.Since = since
	}
	return status
}

func stateOf(active string) State {
	switch active {
	case "active":
		return Running
	case "reloading":
		return Reloading
	case "activating":
		return Starting
	case "deactivating":
		return Stopping
	case "failed":
		return Failed
	}
	return Stopped
}

func unit(name string) string { return name + ".service" }

func (s *Systemd) systemctl(ctx context.Context, args ...string) ([]byte, error) {
	if s.Systemctl != nil {
		return s.Systemctl(ctx, args...)
	}
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	// Times in UTC, words in English, whatever the person's settings.
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=")
	cmd.Stdin = os.Stdin // it may ask for a password
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = err.Error()
		}
		return nil, fmt.Errorf("systemctl %s: %s", strings.Join(args, " "), said)
	}
	return stdout.Bytes(), nil
}
