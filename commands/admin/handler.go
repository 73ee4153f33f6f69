package admin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"multirunner/commands/supervisor"
)

// scrapesAtOnce bounds what scrapes may cost together.
const scrapesAtOnce = 8

// handler serves everything. pprof says whether that is served too, loopback
// that only this machine can reach the address.
func (a *Admin) handler(pprof, loopback bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.options.Gatherer, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: promLog{a.options.Log}, MaxRequestsInFlight: scrapesAtOnce,
	}))
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.HandleFunc("GET /{$}", a.page)
	a.addDebug(mux, pprof, loopback)
	return hardened(mux)
}

// debugHandler serves what is for debugging.
func (a *Admin) debugHandler(loopback bool) http.Handler {
	mux := http.NewServeMux()
	a.addDebug(mux, true, loopback)
	return hardened(mux)
}

// hardened adds what keeps a browser from doing more than showing.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// healthz tells whether the runner works as a program, whatever its servers
// do: its loop turns, or it has come to its end.
func (a *Admin) healthz(w http.ResponseWriter, _ *http.Request) {
	if _, err := a.pulse.get(); err != nil && !errors.Is(err, supervisor.ErrNotRunning) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeText(w, "ok\n")
}

// readyz tells whether the runner can take jobs, and why not.
func (a *Admin) readyz(w http.ResponseWriter, _ *http.Request) {
	if reasons := a.reasons(); len(reasons) > 0 {
		http.Error(w, strings.Join(reasons, "\n"), http.StatusServiceUnavailable)
		return
	}
	text := "ready\n"
	if pulse, err := a.pulse.get(); err == nil {
		for _, line := range roomTrouble(pulse.NoRoom) {
			text += line + "\n"
		}
	}
	writeText(w, text)
}

// reasons says what keeps the runner from taking jobs.
func (a *Admin) reasons() []string {
	pulse, err := a.pulse.get()
	if err != nil {
		return append([]string{err.Error()}, a.options.Trouble()...)
	}
	var reasons []string
	if pulse.Phase != supervisor.Running {
		reasons = append(reasons, "the runner is stopping: "+pulse.Phase.String())
	}
	reasons = append(reasons, registrationTrouble(pulse)...)
	return append(reasons, a.options.Trouble()...)
}

// registrationTrouble is why no registration can bring a job.
func registrationTrouble(pulse supervisor.Pulse) []string {
	by := pulse.Registrations
	if by[supervisor.HealthWell] > pulse.NoRoomWell {
		return nil
	}
	if pulse.NoRoomWell > 0 {
		return roomTrouble(pulse.NoRoom)
	}
	var counts []string
	for health, n := range by {
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, health))
		}
	}
	if len(counts) == 0 {
		return []string{"there are no registrations in the configuration"}
	}
	slices.Sort(counts)
	return []string{"no registration is healthy: " + strings.Join(counts, ", ")}
}

// roomReasons is how many reasons are told: most have a figure that differs.
const roomReasons = 5

// roomTrouble is which registrations are not polled for want of room.
func roomTrouble(by map[string]int) []string {
	var lines []string
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		if len(lines) == roomReasons {
			return append(lines, fmt.Sprintf("and %d more reasons", len(by)-roomReasons))
		}
		lines = append(lines, fmt.Sprintf("registrations that are not polled: %d: %s", by[reason], reason))
	}
	return lines
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// An error is the client's, who is gone.
	_, _ = io.WriteString(w, text)
}

// promLog is where the metrics handler complains.
type promLog struct{ log interface{ Warn(...any) } }

func (l promLog) Println(v ...any) { l.log.Warn("Metrics: " + strings.TrimSpace(fmt.Sprintln(v...))) }
