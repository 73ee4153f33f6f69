package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/opts"
	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/mount"

	"multirunner/common"
)

// socketTarget is where clients in containers look for the engine.
const socketTarget = "/var/run/docker.sock"

// volumeOptions are those that a workflow may write behind a target. What
// spreads mounts from a container to the machine is not among them.
var volumeOptions = []string{"ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent", "private", "rprivate", "slave", "rslave"}

// covered are where the runner has mounts of its own in a job's container:
// nothing may be mounted over them. Below those that are true a workflow may
// mount something.
var covered = map[string]bool{
	"/__r": false, "/__a": false, "/__n": false, "/__w": true, "/__t": true,
	"/github": true, "/github/home": true, "/github/workflow": false, "/github/workspace": true,
	"/github/file_commands": false, "/github/runner_temp": true,
}

// volume mounts what -v and volumes name.
func (m *maker) volume(text string) error {
	v, err := common.ParseVolume(text)
	if err != nil {
		return fmt.Errorf("%w, write source:target or source:target:ro", err)
	}
	for _, option := range v.Options {
		if !slices.Contains(volumeOptions, option) {
			return fmt.Errorf("%s is not an option that a workflow may use, write ro or rw", shown(option))
		}
	}
	if m.isOwnSocket(v.Source, v.Target) {
		return nil
	}
	if err := m.target(v.Target); err != nil {
		return err
	}
	if v.Source == "" {
		if m.out.Config.Volumes == nil {
			m.out.Config.Volumes = map[string]struct{}{}
		}
		m.out.Config.Volumes[v.Target] = struct{}{}
		return nil
	}
	look := m.hostPath
	if v.Named() {
		look = m.named
	}
	source, err := look(v.Source)
	if err != nil {
		return err
	}
	v.Source = source
	if !m.mountLater(Missing{volume: &v}, source) {
		m.out.Host.Binds = append(m.out.Host.Binds, bindOf(v))
	}
	return nil
}

// bindOf writes a volume as engines read it.
func bindOf(v common.Volume) string {
	parts := []string{v.Source, v.Target}
	if len(v.Options) > 0 {
		parts = append(parts, strings.Join(v.Options, ","))
	}
	return strings.Join(parts, ":")
}

// isOwnSocket tells whether a workflow mounts the engine's socket where the
// operator has it mounted already.
func (m *maker) isOwnSocket(source, target string) bool {
	return m.docker.MountSocket && m.req.Kind != Service && m.o.Socket != "" &&
		(source == m.o.Socket || source == socketTarget) && (target == socketTarget || target == "/run/docker.sock")
}

// target checks where something is to be mounted.
func (m *maker) target(target string) error {
	if slices.Contains(m.targets, target) {
		return fmt.Errorf("%s is mounted twice", target)
	}
	m.targets = append(m.targets, target)
	if m.req.Kind == Service {
		return nil
	}
	for own, below := range covered {
		if target == own || within(own, target) || !below && within(target, own) {
			return fmt.Errorf("%s is a place of the runner's own", target)
		}
	}
	return nil
}

// within tells whether a slash-separated path is dir or below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// named gives the engine's name for a volume: of one that jobs share its own,
// of every other one that only this job has.
func (m *maker) named(name string) (string, error) {
	if strings.HasPrefix(name, VolumePrefix) {
		return "", fmt.Errorf("names that begin with %s are the runner's own", VolumePrefix)
	}
	for _, pattern := range m.docker.AllowedVolumes {
		if !strings.ContainsRune(pattern, '/') && matches(pattern, name) {
			return name, nil
		}
	}
	own := VolumePrefix + m.o.Volumes + "-" + name
	if !slices.Contains(m.out.Volumes, own) {
		m.out.Volumes = append(m.out.Volumes, own)
	}
	return own, nil
}

// hostPath gives the path of the machine that is to be mounted, links
// followed, when a workflow may have it.
func (m *maker) hostPath(source string) (string, error) {
	asked := filepath.Clean(filepath.FromSlash(source))
	for _, own := range m.o.Own {
		if own.Container != "" && within(path.Clean(filepath.ToSlash(asked)), own.Container) {
			asked = filepath.Join(own.Host, filepath.FromSlash(strings.TrimPrefix(filepath.ToSlash(asked), own.Container)))
			break
		}
	}
	// What is not allowed is not looked for: whether it is there is nobody's
	// business.
	real, err := m.o.Resolve(asked)
	if err == nil {
		real = filepath.Clean(real)
	}
	permitted := m.permits(asked)
	switch {
	case m.holdsSocket(asked) || err == nil && m.holdsSocket(real):
		return "", errors.New("holds the container engine's socket, which makes a job root on this machine: an operator allows it by mount_socket = true in [runners.docker]")
	case errors.Is(err, fs.ErrNotExist) && m.isOwn(asked):
		return asked, nil // see mountLater
	case err != nil && permitted && errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s does not exist on this machine", shown(asked))
	case err != nil && permitted:
		return "", fmt.Errorf("%s cannot be looked at: %v", shown(asked), err)
	case err == nil && permitted && !m.permits(real):
		return "", errors.New("is a link to, or behind a link to, what this runner does not allow (allowed_volumes in [runners.docker])")
	case err != nil || !m.permits(real):
		return "", notMounted(source)
	case m.isHidden(real):
		return "", errors.New("the runner keeps its own files there, which no workflow may mount")
	case hasColon(real):
		return "", errors.New("leads to a path with a colon, which cannot be mounted")
	}
	return real, nil
}

// hasColon tells whether a path would be two parts of a volume.
func hasColon(p string) bool {
	return strings.ContainsRune(strings.TrimPrefix(p, filepath.VolumeName(p)), ':')
}

// notMounted refuses a path of the machine.
func notMounted(source string) error {
	return fmt.Errorf("not allowed on this runner (its operator can allow it: allowed_volumes = [%q] in [runners.docker])", path.Clean(filepath.ToSlash(source)))
}

// permits tells whether a path is the job's own or among allowed_volumes. It
// is clean.
func (m *maker) permits(real string) bool {
	if m.isOwn(real) {
		return true
	}
	slashed := filepath.ToSlash(real)
	for _, pattern := range m.docker.AllowedVolumes {
		pattern = filepath.ToSlash(pattern)
		if strings.ContainsRune(pattern, '/') && matches(pattern, slashed) || pattern == "**" {
			return true
		}
	}
	return m.docker.MountSocket && (slashed == filepath.ToSlash(m.o.Socket) || slashed == m.resolved(m.o.Socket))
}

func (m *maker) resolved(p string) string {
	if real, err := m.o.Resolve(p); err == nil {
		return filepath.ToSlash(real)
	}
	return filepath.ToSlash(p)
}

// holdsSocket tells whether the engine's socket is a path or below it, and the
// operator does not give it to jobs.
func (m *maker) holdsSocket(p string) bool {
	if m.docker.MountSocket {
		return false
	}
	slashed := filepath.ToSlash(p)
	for _, socket := range []string{m.o.Socket, socketTarget, "/run/docker.sock"} {
		if socket != "" && (within(filepath.ToSlash(socket), slashed) || within(m.resolved(socket), slashed)) {
			return true
		}
	}
	return false
}

// isHidden tells whether a path is in a hidden directory, or has one in it. The
// job's own directories are in one.
func (m *maker) isHidden(real string) bool {
	slashed := filepath.ToSlash(real)
	return !m.isOwn(real) && slices.ContainsFunc(m.o.Hidden, func(dir string) bool {
		hidden := m.resolved(dir)
		return within(slashed, hidden) || within(hidden, slashed)
	})
}

// mount reads --mount.
func (m *maker) mount(value string) error {
	var parsed opts.MountOpt
	if err := parsed.Set(value); err != nil {
		return err
	}
	for _, asked := range parsed.Value() {
		if err := m.addMount(asked); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) addMount(asked mount.Mount) (err error) {
	switch asked.Type {
	case mount.TypeBind:
		if !filepath.IsAbs(asked.Source) {
			return errors.New("has no absolute path as its source")
		}
	case mount.TypeVolume, mount.TypeTmpfs:
	default:
		return fmt.Errorf("a mount of the type %s is not allowed: write bind, volume or tmpfs", shown(string(asked.Type)))
	}
	if !path.IsAbs(asked.Target) || path.Clean(asked.Target) == "/" {
		return errors.New("has no absolute path as its target")
	}
	asked.Target = path.Clean(asked.Target)
	if m.isOwnSocket(asked.Source, asked.Target) {
		return nil
	}
	if err := m.target(asked.Target); err != nil {
		return err
	}
	if b := asked.BindOptions; b != nil && (b.Propagation == mount.PropagationShared || b.Propagation == mount.PropagationRShared) {
		return errors.New("a propagation that reaches this machine is not allowed")
	}
	if v := asked.VolumeOptions; v != nil {
		if v.DriverConfig != nil {
			return errors.New("a driver of volumes and its options are not allowed: they could mount anything of this machine")
		}
		if len(v.Labels) > 0 {
			return errors.New("labels of volumes are the runner's own")
		}
	}
	switch {
	case asked.Type == mount.TypeBind:
		asked.Source, err = m.hostPath(asked.Source)
	case asked.Type == mount.TypeVolume && asked.Source != "":
		if v, parseErr := common.ParseVolume(asked.Source + ":/x"); parseErr != nil || !v.Named() {
			return errors.New("the source is not the name of a volume")
		}
		asked.Source, err = m.named(asked.Source)
	}
	if err != nil {
		return err
	}
	if asked.Type != mount.TypeBind || !m.mountLater(Missing{mount: &asked}, asked.Source) {
		m.out.Host.Mounts = append(m.out.Host.Mounts, asked)
	}
	return nil
}

// addTmpfs reads target[:options].
func (m *maker) addTmpfs(value string) error {
	target, options, _ := strings.Cut(value, ":")
	if !path.IsAbs(target) || path.Clean(target) == "/" {
		return errors.New("is not an absolute path in the container")
	}
	target = path.Clean(target)
	if err := m.target(target); err != nil {
		return err
	}
	for option := range strings.SplitSeq(options, ",") {
		name, text, _ := strings.Cut(option, "=")
		if name == "size" {
			if _, err := units.RAMInBytes(text); err != nil {
				return errors.New("has a size that cannot be read, write for example size=64m")
			}
		} else if hasSpace(option) {
			return errors.New("has white space in its options")
		}
	}
	if m.out.Host.Tmpfs == nil {
		m.out.Host.Tmpfs = map[string]string{}
	}
	m.out.Host.Tmpfs[target] = options
	return nil
}

// operatorMounts adds what the operator gives every job's container. A
// workflow's own mount at the same place wins over a volume.
func (m *maker) operatorMounts() {
	if m.req.Kind == Service {
		return
	}
	for _, text := range m.docker.Volumes {
		v, err := common.ParseVolume(text)
		if err == nil && !slices.Contains(m.targets, v.Target) { // checked when it was read
			m.out.Host.Binds = append(m.out.Host.Binds, text)
		}
	}
	if m.docker.MountSocket && m.o.Socket != "" && !slices.Contains(m.targets, socketTarget) {
		m.out.Host.Binds = append(m.out.Host.Binds, m.o.Socket+":"+socketTarget)
	}
}
