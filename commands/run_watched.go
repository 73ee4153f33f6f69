package commands

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multirunner/commands/admin"
	"multirunner/commands/assembly"
	"multirunner/commands/metrics"
	"multirunner/commands/supervisor"
	"multirunner/common"
)

// watched is what operators see of `run`: metrics, health, status. Without it
// the runner works: an address in use is an error in the log.
type watched struct {
	flag       string // --listen-address
	admin      *admin.Admin
	background *metrics.Background
	stateDir   *metrics.StateDir
	asked      chan struct{} // closed when somebody may ask for metrics
	ask        sync.Once
	reloadErr  atomic.Pointer[string] // of the last reload, nil if it worked
}

func (r *runVerb) newWatched(registry *prometheus.Registry, runner *assembly.Runner, stateDir string) *watched {
	w := &watched{flag: r.flags.String("listen-address"), stateDir: metrics.NewStateDir(stateDir), asked: make(chan struct{})}
	w.background = metrics.NewBackground(registry, r.log, runner.Panicked, append(runner.Sources(), w.stateDir.Source())...)
	w.admin = admin.New(admin.Options{
		Gatherer: registry,
		Status:   runner.Status,
		Pulse:    runner.Supervisor().Pulse,
		Trouble:  w.trouble,
		Version:  r.env.Version.Version,
		Started:  time.Now(),
		Log:      r.log,

		Inherited: r.inherited.listeners(),
	})
	return w
}

// use serves where a configuration says.
func (w *watched) use(config *common.Config) {
	addresses := admin.Addresses{Listen: config.ListenAddress, Debug: config.DebugAddress}
	if w.flag != "" {
		addresses.Listen = w.flag
	}
	w.admin.Use(addresses)
	if addresses.Listen != "" {
		w.ask.Do(func() { close(w.asked) })
	}
}

// reloaded notes what came of a reload.
func (w *watched) reloaded(req supervisor.ReloadRequest) {
	if req.Err != nil {
		text := fmt.Sprintf("the configuration was not reloaded, the old one is in use: %v", req.Err)
		w.reloadErr.Store(&text)
		return
	}
	w.reloadErr.Store(nil)
	w.use(req.Config)
}

// trouble is why the runner is not ready, besides what the supervisor knows.
func (w *watched) trouble() []string {
	var reasons []string
	if text := w.reloadErr.Load(); text != nil {
		reasons = append(reasons, *text)
	}
	if err := w.stateDir.Trouble(); err != nil {
		reasons = append(reasons, err.Error())
	}
	return reasons
}

// run serves until ctx is done. What is costly to learn is collected from the
// moment on that somebody may ask for it.
func (w *watched) run(ctx context.Context) {
	var background sync.WaitGroup
	defer background.Wait()
	background.Go(func() { w.admin.Run(ctx) })
	select {
	case <-ctx.Done():
	case <-w.asked:
		w.background.Run(ctx)
	}
}
