package commands

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"multirunner/commands/configfile"
	"multirunner/commands/service"
	"multirunner/commands/supervisor"
)

const (
	// changeLook is how often the configuration file is looked at, and
	// changeSettle how long it must be the same to count as written: half of one
	// may be a whole file with fewer registrations.
	changeLook   = 3 * time.Second
	changeSettle = 500 * time.Millisecond
)

// changeWatch tells when the configuration file has changed, by its content: a
// time of change misses edits within its granularity and restored backups.
type changeWatch struct {
	path   string
	hash   string
	seen   string // at the last look, when it was another one
	ticker *time.Ticker
}

func newChangeWatch(file *configfile.File) *changeWatch {
	return &changeWatch{path: file.Path, hash: file.Hash, ticker: time.NewTicker(changeLook)}
}

func (w *changeWatch) look() <-chan time.Time { return w.ticker.C }

// changed tells whether the file is another one than at the last change or
// load, and the same as at the last look. A file that is missing for a moment,
// as editors do, has not changed.
func (w *changeWatch) changed() bool {
	hash, err := configfile.Hash(w.path)
	switch {
	case err != nil || hash == w.hash:
		w.settle("", changeLook)
		return false
	case hash != w.seen:
		w.settle(hash, changeSettle)
		return false
	}
	w.settle("", changeLook)
	w.hash = hash
	return true
}

func (w *changeWatch) settle(seen string, next time.Duration) {
	if w.seen != seen {
		w.seen = seen
		w.ticker.Reset(next)
	}
}

// told makes the file as it is now no change any more.
func (w *changeWatch) told() {
	if hash, err := configfile.Hash(w.path); err == nil {
		w.hash = hash
	}
}

func (w *changeWatch) loaded(file *configfile.File) { w.hash = file.Hash }

func (w *changeWatch) close() { w.ticker.Stop() }

// signals turns what the system sends into requests.
type signals struct {
	stop     chan supervisor.StopRequest
	stopping chan struct{} // closed by the first stop
	reload   chan struct{}
	system   chan os.Signal
	broken   chan os.Signal
	manager  <-chan service.Request
	drains   chan struct{} // asks of `runner drain`
	upgrade  func()
	done     chan struct{}
	workers  sync.WaitGroup
}

// signalRoom is how many signals may wait: a stop must not be lost among
// others.
const signalRoom = 256

// catchSignals begins to receive.
func catchSignals() chan os.Signal {
	received := make(chan os.Signal, signalRoom)
	signal.Notify(received, stopSignals()...)
	return received
}

// newSignals listens to signals, those that were caught before included, or to
// a service manager that has other means. upgrade is called for SIGUSR2.
func newSignals(manager <-chan service.Request, caught chan os.Signal, upgrade func()) *signals {
	s := &signals{
		manager: manager, stopping: make(chan struct{}), upgrade: upgrade,
		// Room for every stage of a stop: none is lost while one is worked on.
		stop: make(chan supervisor.StopRequest, 8), reload: make(chan struct{}, 1),
		drains: make(chan struct{}, 1),
		system: caught, broken: make(chan os.Signal, 1), done: make(chan struct{}),
	}
	if s.system == nil && manager == nil {
		s.system = catchSignals()
	}
	// A log that nobody reads any more is no reason to end: nobody looks at
	// these, and without them the first line would end the process.
	signal.Notify(s.broken, syscall.SIGPIPE)
	s.workers.Go(s.relay)
	return s
}

func (s *signals) relay() {
	for {
		select {
		case <-s.done:
			return
		case sig := <-s.system:
			s.handle(sig)
		case request := <-s.manager:
			s.obey(request)
		case <-s.drains:
			s.requestStop(supervisor.StopDrain)
		}
	}
}

// drain does what SIGQUIT does.
func (s *signals) drain() {
	select {
	case s.drains <- struct{}{}:
	default: // one is waiting already
	}
}

func (s *signals) handle(sig os.Signal) {
	switch {
	case isReload(sig):
		s.requestReload()
	case isUpgrade(sig):
		s.upgrade()
	default:
		s.requestStop(stopOf(sig))
	}
}

// stopOf is what a signal that stops asks for.
func stopOf(sig os.Signal) supervisor.StopRequest {
	if isDrain(sig) {
		return supervisor.StopDrain
	}
	return supervisor.StopTerminate
}

func (s *signals) obey(request service.Request) {
	switch request {
	case service.ReloadRequest:
		s.requestReload()
	case service.ShutdownRequest:
		s.requestStop(supervisor.StopCancelJobs)
	default:
		s.requestStop(supervisor.StopTerminate)
	}
}

func (s *signals) requestReload() {
	select {
	case s.reload <- struct{}{}:
	default: // one is waiting already
	}
}

// requestStop is called by relay only.
func (s *signals) requestStop(request supervisor.StopRequest) {
	select {
	case s.stop <- request:
	default:
	}
	select {
	case <-s.stopping:
	default:
		close(s.stopping)
	}
}

// leave ends the receiving, for the program that replaces this one, and gives
// the stops that came and that nobody has obeyed.
func (s *signals) leave() (stops []supervisor.StopRequest) {
	close(s.done)
	s.workers.Wait()
	leaveSignals(s.system)
	for {
		select {
		case request := <-s.stop:
			stops = append(stops, request)
			continue
		default:
		}
		select {
		case <-s.drains:
			stops = append(stops, supervisor.StopDrain)
		case sig := <-s.system:
			if !isReload(sig) && !isUpgrade(sig) {
				stops = append(stops, stopOf(sig))
			}
		default:
			return stops
		}
	}
}

// resume goes on after leave.
func (s *signals) resume(stops []supervisor.StopRequest) {
	s.done = make(chan struct{})
	s.system = catchSignals()
	s.queue(stops)
	s.workers.Go(s.relay)
}

// queue asks for stops that came before. Nothing else asks meanwhile.
func (s *signals) queue(stops []supervisor.StopRequest) {
	for _, request := range stops {
		s.requestStop(request)
	}
}

func (s *signals) close() {
	signal.Stop(s.system)
	signal.Stop(s.broken)
	close(s.done)
	s.workers.Wait()
}
