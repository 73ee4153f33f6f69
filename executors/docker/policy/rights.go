package policy

import (
	"errors"
	"path"
	"regexp"
	"strings"

	"github.com/docker/cli/opts"
	"github.com/moby/moby/api/types/container"
)

func (m *maker) capability(to *[]string, value string) error {
	canonical, _ := canonicalCapability(value)
	if !capabilityForm.MatchString(canonical) {
		return errors.New("is not a capability, write for example NET_ADMIN")
	}
	*to = append(*to, opts.NormalizeCapability(value))
	return nil
}

var capabilityForm = regexp.MustCompile(`^[A-Z_]+$`)

// canonicalCapability is the short name in capitals.
func canonicalCapability(value string) (string, bool) {
	return strings.TrimPrefix(opts.NormalizeCapability(value), "CAP_"), true
}

// parseDevice reads host[:container[:rights]].
func parseDevice(value string) (container.DeviceMapping, error) {
	none := container.DeviceMapping{}
	parts := strings.Split(value, ":")
	mapping := container.DeviceMapping{CgroupPermissions: "rwm"}
	switch len(parts) {
	case 3:
		mapping.CgroupPermissions = parts[2]
		fallthrough
	case 2:
		mapping.PathInContainer = parts[1]
		fallthrough
	case 1:
		mapping.PathOnHost = parts[0]
	default:
		return none, errors.New("is not a device, write for example /dev/kvm or /dev/sda:/dev/xvda:r")
	}
	if len(parts) == 2 && strings.Trim(parts[1], "rwm") == "" { // host:rights
		mapping.PathInContainer, mapping.CgroupPermissions = "", parts[1]
	}
	if mapping.PathInContainer == "" {
		mapping.PathInContainer = mapping.PathOnHost
	}
	if !path.IsAbs(mapping.PathOnHost) || !path.IsAbs(mapping.PathInContainer) ||
		mapping.CgroupPermissions == "" || strings.Trim(mapping.CgroupPermissions, "rwm") != "" {
		return none, errors.New("is not a device, write for example /dev/kvm or /dev/sda:/dev/xvda:r")
	}
	mapping.PathOnHost, mapping.PathInContainer = path.Clean(mapping.PathOnHost), path.Clean(mapping.PathInContainer)
	return mapping, nil
}

// canonicalDevice is the path on this machine: it says what the device is.
func canonicalDevice(value string) (string, bool) {
	host, _, _ := strings.Cut(value, ":")
	return path.Clean("/" + host), true
}

func (m *maker) addDevice(value string) error {
	mapping, err := parseDevice(value)
	if err == nil {
		m.out.Host.Devices = append(m.out.Host.Devices, mapping)
	}
	return err
}

func (m *maker) addGPUs(value string) error {
	var gpus opts.GpuOpts
	if err := gpus.Set(value); err != nil {
		return err
	}
	m.out.Host.DeviceRequests = append(m.out.Host.DeviceRequests, gpus.Value()...)
	return nil
}
