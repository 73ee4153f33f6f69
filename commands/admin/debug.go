package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"multirunner/commands/supervisor"
)

// addDebug adds what is below /debug/.
func (a *Admin) addDebug(mux *http.ServeMux, withPprof, loopback bool) {
	add := func(path string, handle http.HandlerFunc) {
		if loopback {
			handle = onlyByLocalName(handle)
		}
		mux.HandleFunc("GET "+path, handle)
	}
	add("/debug/jobs/list", a.jobs)
	add("/debug/runners", a.runners)
	add("/debug/process/state", a.processState)
	if !withPprof {
		add("/debug/pprof/", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Profiles are served on loopback addresses only, or where debug_address says.", http.StatusForbidden)
		})
		return
	}
	add("/debug/pprof/", pprof.Index)
	add("/debug/pprof/cmdline", pprof.Cmdline)
	add("/debug/pprof/profile", patient(pprof.Profile))
	add("/debug/pprof/symbol", pprof.Symbol)
	add("/debug/pprof/trace", patient(pprof.Trace))
}

// onlyByLocalName refuses requests by another name than one of this machine's
// loopback: a web page whose name leads to 127.0.0.1 must not read what a
// browser of this machine can.
func onlyByLocalName(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "Ask by localhost or a loopback address.", http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

// patient lets a request take as long as it says. pprof itself moves the
// deadline for writing.
func patient(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		next(w, r)
	}
}

// jobs lists the jobs as gitlab-runner does: a line for each.
func (a *Admin) jobs(w http.ResponseWriter, _ *http.Request) {
	status, err := a.status.get()
	if err != nil {
		unavailable(w, err)
		return
	}
	var text strings.Builder
	for _, job := range status.Jobs {
		fmt.Fprintf(&text, "url=%s state=%s stage=%s executor_stage=%s duration=%s task=%d runner=%s label=%s\n",
			word(job.URL), job.State, word(stageOr(job)), word(executorStage(job)), jobDuration(job), job.TaskID, word(job.Runner), word(job.Label))
	}
	w.Header().Set("X-List-Version", "2")
	writeText(w, text.String())
}

// stageOr gives the stage of a job; one that does not run yet has none.
func stageOr(job supervisor.JobStatus) string {
	if job.Stage == "" {
		return string(job.State)
	}
	return job.Stage
}

// executorStage says what the executor does for a job.
func executorStage(job supervisor.JobStatus) string {
	switch {
	case job.State != supervisor.JobRunning || job.Executor == "":
		return string(job.State)
	case job.Stage == "prepare":
		return job.Executor + "_prepare"
	case job.Stage == "complete":
		return job.Executor + "_cleanup"
	}
	return job.Executor + "_run"
}

func jobDuration(job supervisor.JobStatus) time.Duration {
	if job.Since.IsZero() {
		return 0
	}
	return time.Since(job.Since).Round(time.Millisecond)
}

// word keeps a value one word of its line.
func word(value string) string {
	if value == "" || strings.ContainsAny(value, " \t\r\n\"=") || !strconv.CanBackquote(value) {
		return strconv.Quote(value)
	}
	return value
}

// stateWords are the phases in one word.
var stateWords = map[supervisor.Phase]string{
	supervisor.Running: "running", supervisor.Draining: "draining", supervisor.DrainingForATime: "draining",
	supervisor.Cancelling: "cancelling", supervisor.Killing: "killing",
}

// processState tells in a word what the process does.
func (a *Admin) processState(w http.ResponseWriter, _ *http.Request) {
	pulse, err := a.pulse.get()
	switch {
	case errors.Is(err, supervisor.ErrNotRunning):
		writeText(w, "stopped\n")
	case err != nil:
		unavailable(w, err)
	default:
		writeText(w, stateWords[pulse.Phase]+"\n")
	}
}

func unavailable(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}
