package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/docker/go-connections/nat"
	"github.com/moby/moby/api/types/network"
)

// portsMax is how many ports one container may have.
const portsMax = 256

var errNoPort = errors.New("is not a port, write for example 80, 8080:80 or 8080:80/udp")

// port publishes a port, at the address of the runner's machine that only this
// machine reaches, unless the workflow names another: that needs the operator's
// permission. Without a port of the machine the engine chooses one.
func (m *maker) port(value string) error {
	if err := m.countPorts(value); err != nil {
		return err
	}
	mappings, err := nat.ParsePortSpec(value)
	if err != nil {
		return errNoPort
	}
	for _, mapping := range mappings {
		port, err := network.ParsePort(string(mapping.Port))
		if err != nil {
			return errNoPort
		}
		address := m.o.Publish
		if mapping.Binding.HostIP != "" {
			if address, err = netip.ParseAddr(mapping.Binding.HostIP); err != nil {
				return errors.New("has no IP address before the ports")
			}
			if !address.IsLoopback() {
				if err := m.allowed("publish", value); err != nil {
					return fmt.Errorf("other machines could reach it: %w", err)
				}
			}
		}
		m.addPort(port)
		if m.out.Host.PortBindings == nil {
			m.out.Host.PortBindings = network.PortMap{}
		}
		m.out.Host.PortBindings[port] = append(m.out.Host.PortBindings[port], network.PortBinding{HostIP: address, HostPort: mapping.Binding.HostPort})
	}
	return nil
}

func (m *maker) addPort(port network.Port) {
	if m.out.Config.ExposedPorts == nil {
		m.out.Config.ExposedPorts = network.PortSet{}
	}
	m.out.Config.ExposedPorts[port] = struct{}{}
}

// countPorts bounds what one word can make.
func (m *maker) countPorts(value string) error {
	all, err := network.ParsePortRange(value[strings.LastIndexByte(value, ':')+1:])
	if err != nil || all.Start() == 0 {
		return errNoPort
	}
	if m.ports += int(all.End()-all.Start()) + 1; m.ports > portsMax {
		return fmt.Errorf("a container can have %d ports", portsMax)
	}
	return nil
}

// expose notes a port without publishing it.
func (m *maker) expose(value string) error {
	if strings.Contains(value, ":") {
		return errors.New("is a port of the container alone, write -p to publish it")
	}
	if err := m.countPorts(value); err != nil {
		return err
	}
	all, err := network.ParsePortRange(value)
	if err != nil {
		return errNoPort
	}
	for port := range all.All() {
		m.addPort(port)
	}
	return nil
}
