// Package admin is the HTTP server of a runner: metrics, health, and what is
// going on. There is no authentication: the address decides who may ask.
package admin

import (
	"context"
	"html/template"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"multirunner/commands/supervisor"
)

// retryAddress is how often an address is tried again that could not be taken.
const retryAddress = 10 * time.Second

// Options are what the server tells about. All but Trouble are needed.
type Options struct {
	Gatherer prometheus.Gatherer
	// Status and Pulse ask the supervisor. They are called once per second at
	// most, and may take as long as their context.
	Status func(context.Context) (supervisor.Status, error)
	Pulse  func(context.Context) (supervisor.Pulse, error)
	// Trouble gives reasons why the runner is not ready that the supervisor
	// does not know. It must not block.
	Trouble func() []string
	Version string
	Started time.Time
	Log     logrus.FieldLogger
	// Inherited are what Kept has given to the program before.
	Inherited []Listening
}

// Listening is an address that a program passes on to the next one.
type Listening struct {
	Key     string   // of the configuration
	Address string   // that the configuration names
	File    *os.File // the socket
}

// Addresses are where to serve. Empty ones are not served.
type Addresses struct {
	Listen string // everything; pprof only where nobody but this machine can reach it
	Debug  string // /debug/, pprof included
}

// Admin serves until its Run ends. Its methods are safe for concurrent use.
type Admin struct {
	options  Options
	limits   limits
	retry    time.Duration
	template *template.Template
	status   *cache[supervisor.Status]
	pulse    *cache[supervisor.Pulse]
	wanted   chan Addresses // the latest, until Run takes it
	nudge    chan struct{}  // a server has ended by itself
	keep     atomic.Bool
	kept     []Listening // by Run, before it ends
}

// New makes an Admin that serves nothing yet.
func New(o Options) *Admin {
	if o.Trouble == nil {
		o.Trouble = func() []string { return nil }
	}
	return &Admin{
		options:  o,
		limits:   defaultLimits,
		retry:    retryAddress,
		template: newPageTemplate(),
		status:   newCache(o.Status),
		pulse:    newCache(o.Pulse),
		wanted:   make(chan Addresses, 1),
		nudge:    make(chan struct{}, 1),
	}
}

// Use makes Run serve these addresses, and no others. Only one goroutine may
// call it at a time.
func (a *Admin) Use(addresses Addresses) {
	select {
	case <-a.wanted:
	default:
	}
	a.wanted <- addresses
}

// Run serves until ctx is done, then lets requests finish for 5 seconds. An
// address that cannot be taken is an error in the log, and tried again; a
// server that is there goes on until the address that replaces its own is
// taken.
func (a *Admin) Run(ctx context.Context) {
	main, debug := &place{a: a, key: "listen_address"}, &place{a: a, key: "debug_address", debugOnly: true}
	main.inherit(a.options.Inherited)
	debug.inherit(a.options.Inherited)
	defer func() {
		a.kept = append(main.pass(), debug.pass()...)
		var wg sync.WaitGroup
		wg.Go(main.stop)
		wg.Go(debug.stop)
		wg.Wait()
	}()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case addresses := <-a.wanted:
			main.want(addresses.Listen, addresses.Listen == addresses.Debug)
			if addresses.Debug == addresses.Listen {
				addresses.Debug = ""
			}
			debug.want(addresses.Debug, true)
		case <-a.nudge:
		case <-retry.C:
		}
		settled := debug.settle()
		if !main.settle() || !settled {
			retry.Reset(a.retry)
		}
	}
}

// Keep makes Run's end leave the addresses open: who connects then waits for
// whoever gets Kept.
func (a *Admin) Keep() { a.keep.Store(true) }

// Kept gives what is still open, after Run has returned.
func (a *Admin) Kept() []Listening { return a.kept }

// place is an address of the configuration, and the server that is there.
type place struct {
	a         *Admin
	key       string
	debugOnly bool

	address string // wanted
	pprof   bool   // wanted also where others can reach it
	server  *server
	served  string // the address that server was made for
	open    bool   // with pprof
	told    string // the last error

	asked     bool       // something was wanted, or nothing
	inherited *Listening // until that is settled
}

func (p *place) want(address string, pprof bool) {
	p.address, p.pprof, p.asked = address, pprof, true
}

// settle serves what is wanted, and tells whether it could.
func (p *place) settle() bool {
	if p.server != nil {
		select {
		case <-p.server.done:
			p.server = nil
		default:
		}
	}
	defer p.dropInherited()
	if p.address == "" {
		p.stop()
		p.told = ""
		return true
	}
	if p.server != nil && p.served == p.address && p.open == p.pprof {
		return true
	}
	next, err := p.listen()
	if err != nil && p.server != nil && p.server.samePort(p.address) {
		p.stop()
		next, err = p.listen()
	}
	if err != nil {
		if p.told != err.Error() {
			p.a.options.Log.Errorf("%v. It is tried again every %s.", err, p.a.retry)
		}
		p.told = err.Error()
		return false
	}
	p.stop()
	p.server, p.served, p.open, p.told = next, p.address, p.pprof, ""
	what := "Serving metrics and status"
	if p.debugOnly {
		what = "Serving what is for debugging"
	}
	p.a.options.Log.WithField("address", next.address()).Info(what)
	return true
}

func (p *place) listen() (*server, error) {
	ended := func() {
		select {
		case p.a.nudge <- struct{}{}:
		default:
		}
	}
	listener, err := p.listener()
	if err != nil {
		return nil, err
	}
	return serve(p.key, listener, p.a.limits, p.a.options.Log, func(addr net.Addr) http.Handler {
		if p.debugOnly {
			return p.a.debugHandler(isLoopback(addr))
		}
		return p.a.handler(p.pprof || isLoopback(addr), isLoopback(addr))
	}, ended), nil
}

// stop ends the server, if there is one.
func (p *place) stop() {
	if p.server != nil {
		p.server.stop()
		p.server = nil
	}
}
