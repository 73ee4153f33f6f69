package policy

import (
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// setMode is for the options that name a namespace.
func setMode(name string) func(*maker, string) error {
	return func(m *maker, value string) error {
		if err := setWord(new(string), value); err != nil {
			return err
		}
		host := &m.out.Host
		switch name {
		case "cgroupns":
			host.CgroupnsMode = container.CgroupnsMode(value)
		case "ipc":
			host.IpcMode = container.IpcMode(value)
		case "pid":
			host.PidMode = container.PidMode(value)
		case "userns":
			host.UsernsMode = container.UsernsMode(value)
		case "uts":
			host.UTSMode = container.UTSMode(value)
		}
		return nil
	}
}

func (m *maker) setNetwork(value string) error {
	if strings.ContainsAny(value, "=,") {
		return errors.New("write the name of the network alone, and --network-alias for other names")
	}
	return setWord((*string)(&m.out.Host.NetworkMode), value)
}

// ipam gives the place for fixed addresses.
func (m *maker) ipam() *network.EndpointIPAMConfig {
	if m.out.Endpoint.IPAMConfig == nil {
		m.out.Endpoint.IPAMConfig = &network.EndpointIPAMConfig{}
	}
	return m.out.Endpoint.IPAMConfig
}

func (m *maker) setIP(value string) error {
	addr, err := netip.ParseAddr(value)
	if err != nil || !addr.Is4() {
		return errors.New("is not an IPv4 address")
	}
	m.ipam().IPv4Address = addr
	return nil
}

func (m *maker) setIP6(value string) error {
	addr, err := netip.ParseAddr(value)
	if err != nil || !addr.Is6() {
		return errors.New("is not an IPv6 address")
	}
	m.ipam().IPv6Address = addr
	return nil
}

func (m *maker) addLinkLocalIP(value string) error {
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return errors.New("is not an IP address")
	}
	m.ipam().LinkLocalIPs = append(m.ipam().LinkLocalIPs, addr)
	return nil
}

func (m *maker) setMAC(value string) error {
	address, err := net.ParseMAC(value)
	if err != nil {
		return errors.New("is not a MAC address")
	}
	m.out.Endpoint.MacAddress = network.HardwareAddr(address)
	return nil
}
