package commands

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"multirunner/commands/configfile"
	"multirunner/commands/supervisor"
)

// changeLook is how often the configuration file is looked at.
const changeLook = 3 * time.Second

// changeWatch tells when the configuration file has changed, by its content: a
// time of change misses edits within its granularity and restored backups.
type changeWatch struct {
	path   string
	hash   string
	ticker *time.Ticker
}

func newChangeWatch(file *configfile.File) *changeWatch {
	return &changeWatch{path: file.Path, hash: file.Hash, ticker: time.NewTicker(changeLook)}
}

func (w *changeWatch) look() <-chan time.Time { return w.ticker.C }

// changed tells whether the file is another one than at the last call or load.
// A file that is missing for a moment, as editors do, has not changed.
func (w *changeWatch) changed() bool {
	hash, err := configfile.Hash(w.path)
	if err != nil || hash == w.hash {
		return false
	}
	w.hash = hash
	return true
}

func (w *changeWatch) loaded(file *configfile.File) { w.hash = file.Hash }

func (w *changeWatch) close() { w.ticker.Stop() }

// signals turns what the system sends into requests.
type signals struct {
	stop    chan supervisor.StopRequest
	reload  chan struct{}
	system  chan os.Signal
	done    chan struct{}
	workers sync.WaitGroup
}

func newSignals() *signals {
	s := &signals{
		// Room for every stage of a stop: none is lost while one is worked on.
		stop: make(chan supervisor.StopRequest, 8), reload: make(chan struct{}, 1),
		system: make(chan os.Signal, 8), done: make(chan struct{}),
	}
	signal.Notify(s.system, stopSignals()...)
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
		}
	}
}

func (s *signals) handle(sig os.Signal) {
	if isReload(sig) {
		select {
		case s.reload <- struct{}{}:
		default: // one is waiting already
		}
		return
	}
	request := supervisor.StopTerminate
	if isDrain(sig) {
		request = supervisor.StopDrain
	}
	select {
	case s.stop <- request:
	default:
	}
}

func (s *signals) close() {
	signal.Stop(s.system)
	close(s.done)
	s.workers.Wait()
}
