// Package policy decides what a container of a job gets: it turns what a
// workflow asks for into the settings that a container is created with, and
// refuses what the operator's configuration does not allow. It talks to no
// engine.
package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/opts"
	shellquote "github.com/kballard/go-shellquote"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"multirunner/common"
)

// Kind is what a container is for.
type Kind int

// The kinds of containers.
const (
	Job     Kind = iota // the commands of a job run in it
	Service             // it runs beside the job
	Action              // a docker action
)

// VolumePrefix begins the names of volumes that are one job's own. Workflows
// cannot name such a volume.
const VolumePrefix = "multirunner-"

// LabelPrefix begins the runner's own labels, which workflows cannot set.
const LabelPrefix = "multirunner."

// Options are what a Policy knows of the machine and of the job.
type Options struct {
	// Volumes begins the names of the job's own volumes, after VolumePrefix:
	// one word for each job.
	Volumes string
	// Socket is the engine's socket on its machine, "" when it has none there.
	Socket string
	// Publish is the address at which ports are published whose workflow names
	// none. Zero is 127.0.0.1.
	Publish netip.Addr
	// Own are directories of the job: it may always mount what is in them.
	Own []Directory
	// Hidden are directories that no workflow may mount or mount a part of,
	// whatever is allowed: those where the runner keeps its secrets.
	Hidden []string
	// Resolve gives the path that a path of the engine's machine leads to,
	// links followed. nil is filepath.EvalSymlinks: the engine is here.
	Resolve func(path string) (string, error)
}

// Directory is a directory of the job, by the two names that it has.
type Directory struct {
	Host      string // on the engine's machine
	Container string // in the job's container; "" when it has no name there
}

// Policy makes the containers of one job. It is not changed by its methods.
type Policy struct {
	docker common.DockerConfig
	o      Options
}

// New makes a Policy.
func New(docker common.DockerConfig, o Options) *Policy {
	if !o.Publish.IsValid() {
		o.Publish = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if o.Resolve == nil {
		o.Resolve = filepath.EvalSymlinks
	}
	return &Policy{docker: docker, o: o}
}

// Request asks for one container.
type Request struct {
	Kind Kind
	// Container is what the workflow says of it.
	Container common.Container
	// Own tells that the image is the operator's: a label's, or image of
	// [runners.docker], or one that was built. It is used as it is written.
	Own bool
}

// Create is how a container is to be made.
type Create struct {
	// Config.Image is the full name of the image, with a tag or a digest.
	Config container.Config
	// Host.NetworkMode is "" for the job's network.
	Host container.HostConfig
	// Endpoint is for the network that the container is in.
	Endpoint network.EndpointSettings
	// Platform is os/arch[/variant], "" for the engine's.
	Platform string
	Pull     common.PullPolicy
	// Volumes are the names of the job's own volumes among the mounts: they are
	// to be removed with the job.
	Volumes []string
	// Missing are mounts that MountMissing is to add.
	Missing []Missing
	// Notes tell what of the workflow has no effect, a row each.
	Notes []string
}

// Make gives the settings of a container. The error has a row for each thing
// that is wrong or not allowed, which names the key of the workflow and what
// can be done.
func (p *Policy) Make(req Request) (*Create, error) {
	m := &maker{Policy: p, req: req, out: &Create{}, where: where(req)}
	m.defaults()
	m.image()
	m.environment()
	m.command()
	for _, port := range req.Container.Ports {
		m.check("ports", port, m.port(port))
	}
	for _, volume := range req.Container.Volumes {
		m.check("volumes", volume, m.volume(volume))
	}
	m.options()
	m.resources()
	m.operatorMounts()
	if len(m.errs) > 0 {
		return nil, errors.Join(m.errs...)
	}
	return m.out, nil
}

// where is the key of the workflow that the container stands at.
func where(req Request) string {
	switch req.Kind {
	case Service:
		return "services." + shown(req.Container.ID)
	case Action:
		return "docker action"
	}
	return "container"
}

// maker makes one container.
type maker struct {
	*Policy
	req   Request
	out   *Create
	where string
	errs  []error

	asked   asked
	targets []string // of the workflow's mounts
	ports   int
}

// fail adds a row.
func (m *maker) fail(key, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf("%s.%s: %s", m.where, key, fmt.Sprintf(format, args...)))
}

// check adds a row for an entry of a list.
func (m *maker) check(key, entry string, err error) {
	if err != nil {
		m.fail(key, "%s: %v", shown(entry), err)
	}
}

func (m *maker) note(key, format string, args ...any) {
	m.out.Notes = append(m.out.Notes, fmt.Sprintf("%s.%s: %s", m.where, key, fmt.Sprintf(format, args...)))
}

// shownMax is how much of a workflow's text a row repeats.
const shownMax = 200

// shown is a workflow's text as a row may repeat it: on one line.
func shown(text string) string {
	if len(text) > shownMax {
		text = text[:shownMax] + "…"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return fmt.Sprintf("%q", text)
	}
	return text
}

// defaults are what the operator gives every container.
func (m *maker) defaults() {
	d := m.docker
	host := &m.out.Host
	host.Privileged = d.Privileged
	if d.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges"}
	}
	host.CapAdd, host.CapDrop = capabilities(d.CapAdd), capabilities(d.CapDrop)
	host.NetworkMode = container.NetworkMode(d.NetworkMode)
	for _, server := range d.DNS {
		if addr, err := netip.ParseAddr(server); err == nil { // checked when it was read
			host.DNS = append(host.DNS, addr)
		}
	}
	for _, entry := range d.ExtraHosts {
		if name, address, err := common.SplitExtraHost(entry); err == nil {
			host.ExtraHosts = append(host.ExtraHosts, name+":"+address)
		}
	}
	m.out.Platform = d.Platform
	m.out.Pull = slices.Clone(d.PullPolicy)
	m.out.Config.Labels = map[string]string{}
	if m.req.Kind == Service {
		return
	}
	for _, device := range d.Devices {
		if mapping, err := parseDevice(device); err == nil {
			host.Devices = append(host.Devices, mapping)
		}
	}
}

func capabilities(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, opts.NormalizeCapability(name))
	}
	return all
}

func (m *maker) environment() {
	for _, entry := range m.req.Container.Env {
		if err := m.addEnv(entry); err != nil {
			name, _, _ := strings.Cut(entry, "=") // a value may be secret
			m.fail("env", "%s: %v", shown(name), err)
		}
	}
}

func (m *maker) addEnv(entry string) error {
	name, _, found := strings.Cut(entry, "=")
	switch {
	case !found || name == "":
		return errors.New("write NAME=VALUE: containers get nothing of the runner's own environment")
	case strings.ContainsRune(entry, 0):
		return errors.New("has a NUL byte")
	}
	m.out.Config.Env = append(m.out.Config.Env, entry)
	return nil
}

// command replaces what a service's image starts.
func (m *maker) command() {
	c := m.req.Container
	for _, part := range []struct {
		key, text string
		words     *[]string
	}{
		{"entrypoint", c.Entrypoint, &m.out.Config.Entrypoint}, {"command", c.Command, (*[]string)(&m.out.Config.Cmd)},
	} {
		if part.text == "" {
			continue
		}
		words, err := shellquote.Split(part.text)
		if err != nil {
			m.fail(part.key, "%s: %v", shown(part.text), quoting(err))
		}
		*part.words = words
	}
}
