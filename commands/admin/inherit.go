package admin

import (
	"fmt"
	"net"
)

// inherit looks for the place's own among what the program before kept open.
func (p *place) inherit(all []Listening) {
	for _, l := range all {
		if l.Key == p.key {
			p.inherited = &l
		}
	}
}

// listener takes the address, or takes it over.
func (p *place) listener() (net.Listener, error) {
	if in := p.inherited; in != nil && in.Address == p.address {
		if listener, err := net.FileListener(in.File); err == nil {
			return listener, nil
		}
	}
	return listen(p.key, p.address)
}

// dropInherited frees an address that was taken over, or is not wanted.
func (p *place) dropInherited() {
	if p.inherited != nil && p.asked {
		p.inherited.File.Close()
		p.inherited = nil
	}
}

// pass gives what is to stay open, if anything is.
func (p *place) pass() []Listening {
	if !p.a.keep.Load() || p.server == nil {
		return nil
	}
	tcp, ok := p.server.listener.(*net.TCPListener)
	if !ok {
		return nil
	}
	file, err := tcp.File()
	if err != nil {
		p.a.options.Log.WithError(fmt.Errorf("%s: %w", p.key, err)).Warn("The next program has to open the address anew")
		return nil
	}
	return []Listening{{Key: p.key, Address: p.served, File: file}}
}
