package admin

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"multirunner/commands/supervisor"
)

// registration is a registration for people and scripts.
type registration struct {
	Name           string            `json:"name"`
	URL            string            `json:"url"`
	UUID           string            `json:"uuid"`
	Health         supervisor.Health `json:"health"`
	Reason         string            `json:"reason,omitempty"`
	NoRoom         string            `json:"no_room,omitempty"`
	Removed        bool              `json:"removed,omitempty"`
	Paused         bool              `json:"paused,omitempty"`
	NextPoll       *time.Time        `json:"next_poll"` // null: it polls now, waits for a turn, or does not poll
	Polling        bool              `json:"polling"`
	WaitsForTurn   bool              `json:"waits_for_turn"`
	BackoffSeconds float64           `json:"backoff_seconds"`
	LastOutcome    string            `json:"last_outcome,omitempty"`
	LastPoll       *time.Time        `json:"last_poll"`
	Running        int               `json:"running"`
	Limit          int               `json:"limit"`
	Labels         []string          `json:"labels"`
	MissingLabels  []missingLabel    `json:"missing_labels,omitempty"`
}

type missingLabel struct {
	Label  string `json:"label"`
	Reason string `json:"reason"`
}

func newRegistration(r supervisor.RegistrationStatus) registration {
	view := registration{
		Name: r.Name, URL: r.URL, UUID: r.UUID, Health: r.Health, Reason: r.Reason, NoRoom: r.NoRoom, Removed: r.Removed, Paused: r.Paused,
		NextPoll: orNull(r.NextPoll), Polling: r.Polling, WaitsForTurn: r.Ready, BackoffSeconds: r.Backoff.Seconds(),
		LastOutcome: r.LastOutcome, LastPoll: orNull(r.LastPoll), Running: r.Running, Limit: r.Limit,
		Labels: r.Declared,
	}
	for _, m := range r.Missing {
		view.MissingLabels = append(view.MissingLabels, missingLabel(m))
	}
	return view
}

// serverView is a server for people and scripts.
type serverView struct {
	URL               string   `json:"url"`
	Registrations     int      `json:"registrations"`
	Manner            string   `json:"manner"` // of answering when there is no work
	Failing           bool     `json:"failing"`
	Outstanding       int      `json:"outstanding"`
	RequestsPerSecond *float64 `json:"requests_per_second"` // at most; null: no limit
}

func newServerView(e supervisor.EndpointStatus) serverView {
	view := serverView{URL: e.URL, Registrations: e.Registrations, Manner: e.Manner, Failing: e.Failing, Outstanding: e.Outstanding}
	if !math.IsInf(e.RequestRate, 1) {
		view.RequestsPerSecond = &e.RequestRate
	}
	return view
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// runners gives the registrations and servers as JSON.
func (a *Admin) runners(w http.ResponseWriter, _ *http.Request) {
	status, err := a.status.get()
	if err != nil {
		unavailable(w, err)
		return
	}
	answer := struct {
		Phase      string         `json:"phase"`
		Concurrent int            `json:"concurrent"`
		Running    int            `json:"running"`
		Polling    int            `json:"polling"`
		Waiting    int            `json:"waiting"`
		Runners    []registration `json:"runners"`
		Servers    []serverView   `json:"servers"`
	}{status.Phase, status.Concurrent, status.Running, status.Polling, status.Waiting, []registration{}, []serverView{}}
	for _, r := range status.Registrations {
		answer.Runners = append(answer.Runners, newRegistration(r))
	}
	for _, e := range status.Endpoints {
		answer.Servers = append(answer.Servers, newServerView(e))
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	// An error is the client's, who is gone.
	_ = encoder.Encode(answer)
}
