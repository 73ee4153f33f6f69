package common

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/distribution/reference"

	"multirunner/helpers/suggest"
)

// MinMemory is the least memory that container engines take for a container.
const MinMemory Size = 6 << 20

// docker checks [runners.docker].
func (r registration) docker() {
	r.dockerHost()
	r.dockerImages()
	r.dockerRights()
	r.dockerVolumes()
	r.dockerResources()
	r.dockerNetwork()
	r.dockerRegistries()
	if dir := r.Docker.NodeDir; dir != "" && !filepath.IsAbs(dir) {
		r.bad("docker.node_dir", "%q is not an absolute path", dir)
	}
	if script := r.Docker.AdmissionScript; script != "" && !filepath.IsAbs(script) {
		r.bad("docker.admission_script", "%q is not an absolute path", script)
	}
	if r.Docker.MinFreeDisk < 0 {
		r.bad("docker.min_free_disk", "is %s, must not be negative (0 asks for nothing)", r.Docker.MinFreeDisk)
	}
	if r.Docker.ServiceReadyTimeout <= 0 {
		r.bad("docker.service_ready_timeout", "is %s, must be above 0", r.Docker.ServiceReadyTimeout)
	}
}

// element adds a problem of one element of a list.
func (r registration) element(key string, index int, format string, args ...any) {
	r.atElement(key, fmt.Sprintf("%s[%d]", key, index), false, format, args...)
}

func (r registration) dockerHost() {
	const key, example = "docker.host", `write for example "unix:///var/run/docker.sock" or "tcp://127.0.0.1:2375"`
	host := r.Docker.Host
	if host == "" {
		return
	}
	u, err := url.Parse(host)
	switch {
	case err == nil && u.Scheme == "ssh":
		r.bad(key, "ssh:// is not supported: forward the engine's socket (ssh -L) and write its path here")
		return
	case err != nil || u.User != nil: // perhaps with a password
		r.bad(key, "is not the address of an engine, %s", example)
		return
	}
	switch u.Scheme {
	case "unix", "npipe":
		if u.Host != "" && u.Host != "." || !path.IsAbs(u.Path) {
			r.bad(key, "%q has no absolute path, %s", host, example)
		}
	case "tcp", "http", "https":
		if u.Host == "" {
			r.bad(key, "%q names no host, %s", host, example)
		}
	default:
		r.bad(key, "%q is not the address of an engine, %s", host, example)
	}
}

var pullPolicies = []string{PullAlways, PullIfNotPresent, PullNever}

var platformForm = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$`)

func (r registration) dockerImages() {
	d := r.Docker
	if len(d.PullPolicy) == 0 {
		r.bad("docker.pull_policy", "is empty, write one or more of %s", strings.Join(pullPolicies, ", "))
	}
	for i, word := range d.PullPolicy {
		if !slices.Contains(pullPolicies, word) {
			r.add(Problem{
				Runner: r.index, Key: "runners.docker.pull_policy", Suggestion: suggest.Nearest(word, pullPolicies),
				Message: fmt.Sprintf("%q is none of %s", word, strings.Join(pullPolicies, ", ")),
				Line:    r.line(runnerPath(r.index, fmt.Sprintf("runners.docker.pull_policy[%d]", i))),
			})
		}
	}
	if message := checkImage(d.Image); d.Image != "" && message != "" {
		r.bad("docker.image", "%s", message)
	}
	r.globs("docker.allowed_images", d.AllowedImages)
	r.globs("docker.allowed_services", d.AllowedServices)
	if d.Platform != "" && !platformForm.MatchString(d.Platform) {
		r.bad("docker.platform", `%q is not os/arch[/variant], write for example "linux/arm64"`, d.Platform)
	}
	r.dockerLabels()
}

// dockerLabels reports labels that would lead to no image, or to a wrong one.
func (r registration) dockerLabels() {
	for i, text := range r.Labels {
		label, err := ParseLabel(text)
		switch {
		case err != nil: // is reported already
		case label.Scheme == "docker":
			if message := checkImage(label.Arg); message != "" {
				r.element("labels", i, "label %q: %s", label.Name, message)
			}
		case label.Scheme == "" && r.Executor == "docker" && r.Docker.Image == "":
			r.element("labels", i, "label %q has no image: write %s:docker://IMAGE, or one for all such labels as image in [runners.docker]", label.Name, label.Name)
		}
	}
}

func checkImage(image string) string {
	if _, err := reference.ParseNormalizedNamed(image); err != nil {
		return fmt.Sprintf("%q is not the name of an image (%v), write for example node:22-bookworm", image, err)
	}
	return ""
}

func (r registration) globs(key string, patterns []string) {
	for i, pattern := range patterns {
		if pattern == "" || !doublestar.ValidatePattern(pattern) {
			r.element(key, i, "%q is not a pattern: close each [ and {, and write \\ before one that is meant as it is", pattern)
		}
	}
}

var capability = regexp.MustCompile(`^[A-Za-z][A-Za-z_]*$`)

func (r registration) dockerRights() {
	d := r.Docker
	if d.Privileged && d.NoNewPrivileges {
		r.warn("docker.privileged", "with no_new_privileges, which keeps sudo in such containers from working: write no_new_privileges = false if jobs need it")
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"docker.cap_add", d.CapAdd}, {"docker.cap_drop", d.CapDrop}} {
		for i, name := range list.names {
			if !capability.MatchString(name) {
				r.element(list.key, i, `%q is not a capability, write for example "NET_ADMIN" or "ALL"`, name)
			}
		}
	}
	for i, device := range d.Devices {
		if !isDevice(device) {
			r.element("docker.devices", i, `%q is not a device, write for example "/dev/kvm" or "/dev/sda:/dev/xvda:r"`, device)
		}
	}
	r.globs("docker.allowed_options", d.AllowedOptions)
	for i, option := range d.AllowedOptions {
		if !strings.HasPrefix(option, "--") && doublestar.ValidatePattern(option) {
			r.element("docker.allowed_options", i, `%q is not a long option, write for example "--cap-add=NET_ADMIN"`, option)
		}
	}
}

// isDevice checks host[:container[:rwm]].
func isDevice(text string) bool {
	parts := strings.Split(text, ":")
	if len(parts) > 3 || len(parts) == 3 && (parts[2] == "" || strings.Trim(parts[2], "rwm") != "") {
		return false
	}
	for _, p := range parts[:min(2, len(parts))] {
		if !path.IsAbs(p) {
			return false
		}
	}
	return true
}

// volumeOptions are those of an operator's volumes.
var volumeOptions = []string{"ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent",
	"shared", "rshared", "slave", "rslave", "private", "rprivate"}

func (r registration) dockerVolumes() {
	for i, text := range r.Docker.Volumes {
		volume, err := ParseVolume(text)
		switch {
		case err != nil:
			r.element("docker.volumes", i, "%q: %v, write source:target or source:target:ro", text, err)
		case volume.Source == "":
			r.element("docker.volumes", i, "%q names no source, write source:target or source:target:ro", text)
		default:
			for _, option := range volume.Options {
				if !slices.Contains(volumeOptions, option) {
					r.element("docker.volumes", i, "%q: %q is not an option of a volume, write ro or rw", text, option)
				}
			}
		}
	}
	r.globs("docker.allowed_volumes", r.Docker.AllowedVolumes)
	for i, pattern := range r.Docker.AllowedVolumes {
		slashed := filepath.ToSlash(pattern)
		isPath := strings.ContainsRune(slashed, '/')
		switch {
		case !doublestar.ValidatePattern(pattern):
		case isPath && !isHostPath(slashed) && !strings.HasPrefix(slashed, "**"):
			r.element("docker.allowed_volumes", i, "%q is neither an absolute path nor the name of a volume", pattern)
		case isPath && path.Clean(slashed) != slashed:
			r.element("docker.allowed_volumes", i, "%q matches no path, which have no . and .. and no slash at their end: write %q", pattern, path.Clean(slashed))
		}
	}
}

func (r registration) dockerResources() {
	d := r.Docker
	for _, size := range []struct {
		key        string
		value, max Size
		maxKey     string
		least      Size
	}{
		{"memory", d.Memory, d.MaxMemory, "max_memory", MinMemory},
		{"service_memory", d.ServiceMemory, d.MaxMemory, "max_memory", MinMemory},
		{"max_memory", d.MaxMemory, 0, "", MinMemory},
		{"shm_size", d.ShmSize, d.MaxShmSize, "max_shm_size", 0},
		{"service_shm_size", d.ServiceShmSize, d.MaxShmSize, "max_shm_size", 0},
		{"max_shm_size", d.MaxShmSize, 0, "", 0},
	} {
		switch {
		case size.value < 0 || size.value > 0 && size.value < size.least:
			r.bad("docker."+size.key, "is %s, must be 0 for no limit, or at least %s", size.value, max(size.least, 1))
		case size.max > 0 && size.value > size.max:
			r.bad("docker."+size.maxKey, "is %s, below %s (%s): raise the one or lower the other", size.max, size.key, size.value)
		}
	}
	for _, cpus := range []struct {
		key        string
		value, max float64
	}{
		{"cpus", d.CPUs, d.MaxCPUs}, {"service_cpus", d.ServiceCPUs, d.MaxCPUs}, {"max_cpus", d.MaxCPUs, 0},
	} {
		switch {
		case !(cpus.value == 0 || cpus.value >= 0.01 && !math.IsInf(cpus.value, 1)):
			r.bad("docker."+cpus.key, "is %v, must be 0 for no limit, or at least 0.01", cpus.value)
		case cpus.max > 0 && cpus.value > cpus.max:
			r.bad("docker.max_cpus", "is %v, below %s (%v): raise the one or lower the other", cpus.max, cpus.key, cpus.value)
		}
	}
	for _, pids := range []struct {
		key        string
		value, max int
	}{
		{"pids_limit", d.PidsLimit, d.MaxPidsLimit}, {"service_pids_limit", d.ServicePidsLimit, d.MaxPidsLimit}, {"max_pids_limit", d.MaxPidsLimit, 0},
	} {
		switch {
		case pids.value < 0:
			r.bad("docker."+pids.key, "is %d, must not be negative (0 is no limit)", pids.value)
		case pids.max > 0 && pids.value > pids.max:
			r.bad("docker.max_pids_limit", "is %d, below %s (%d): raise the one or lower the other", pids.max, pids.key, pids.value)
		}
	}
}

var networkName = regexp.MustCompile(`^(container:)?[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

func (r registration) dockerNetwork() {
	d := r.Docker
	if d.NetworkMode != "" && !networkName.MatchString(d.NetworkMode) {
		r.bad("docker.network_mode", `%q is not a network, write "host", "none", the name of a network, or "" for one per job`, d.NetworkMode)
	}
	for i, server := range d.DNS {
		if _, err := netip.ParseAddr(server); err != nil {
			r.element("docker.dns", i, `%q is not an IP address, write for example "192.0.2.53"`, server)
		}
	}
	for i, host := range d.ExtraHosts {
		if _, _, err := SplitExtraHost(host); err != nil {
			r.element("docker.extra_hosts", i, "%v", err)
		}
	}
}

var hostName = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$`)

// SplitExtraHost takes "name:address" apart, where the address is an IP
// address or "host-gateway". "name=address" means the same.
func SplitExtraHost(text string) (name, address string, err error) {
	at := strings.IndexAny(text, ":=")
	if at > 0 {
		name, address = text[:at], strings.Trim(text[at+1:], "[]")
	}
	if _, parseErr := netip.ParseAddr(address); !hostName.MatchString(name) || parseErr != nil && address != "host-gateway" {
		return "", "", fmt.Errorf(`%q is not name:address, write for example "db.example.org:192.0.2.7"`, text)
	}
	return name, address, nil
}

// registryServer is host[:port].
var registryServer = regexp.MustCompile(`^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:[0-9]{1,5})?$`)

func (r registration) dockerRegistries() {
	seen := map[string]bool{}
	for i, registry := range r.Docker.Registries {
		bad := func(key, format string, args ...any) {
			r.atElement("docker.registries."+key, fmt.Sprintf("docker.registries[%d].%s", i, key), false, format, args...)
		}
		server := strings.ToLower(registry.Server)
		switch {
		case server == "":
			bad("server", `missing: write the registry's host as images name it, for example "registry.example.org" (docker.io is Docker Hub)`)
		case strings.Contains(server, "://"):
			bad("server", "has a scheme: write the host alone, for example \"registry.example.org\"")
		case !registryServer.MatchString(server):
			bad("server", "%q is not HOST or HOST:PORT", registry.Server)
		case seen[server]:
			bad("server", "%q is there twice: keep one", registry.Server)
		}
		seen[server] = true
		if registry.Username == "" {
			bad("username", "missing: write the name that the password is for")
		}
		r.registryPassword(registry, bad)
	}
}

func (r registration) registryPassword(registry RegistryConfig, bad func(key, format string, args ...any)) {
	var given []string
	if !registry.Password.IsZero() {
		given = append(given, "password")
	}
	if registry.PasswordFile != "" {
		given = append(given, "password_file")
	}
	if registry.PasswordEnv != "" {
		given = append(given, "password_env")
	}
	switch {
	case len(given) == 0:
		bad("password", "missing: write password, password_file or password_env")
	case len(given) > 1:
		bad(given[1], "%s are both set, keep one of password, password_file and password_env", strings.Join(given[:2], " and "))
	}
	if strings.ContainsFunc(registry.Password.Reveal(), isControl) {
		bad("password", "has control characters in it")
	}
}
