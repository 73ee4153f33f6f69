package commands

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"multirunner/commands/control"
	"multirunner/commands/supervisor"
	"multirunner/common"
)

// listPatience is how long `list` waits for a runner.
const listPatience = 3 * time.Second

// listedLive is how a registration is, as the running runner says.
type listedLive struct {
	// Status is for people: not served, paused, unregistered, spent,
	// misconfigured, no room, backing off, new, ok.
	Status         string     `json:"status"`
	Paused         bool       `json:"paused"`
	Health         string     `json:"health,omitempty"`  // "" when it is not served
	NoRoom         string     `json:"no_room,omitempty"` // why it is not polled now
	Polling        bool       `json:"polling"`
	WaitsForTurn   bool       `json:"waits_for_turn"`
	NextPoll       *time.Time `json:"next_poll"` // null: now, at its turn, or never
	BackoffSeconds float64    `json:"backoff_seconds"`
	LastOutcome    string     `json:"last_outcome,omitempty"`
	LastPoll       *time.Time `json:"last_poll"`
	Jobs           int        `json:"jobs"`
}

// addLive adds what the running runner says, and tells whether there is one.
func (e *Env) addLive(c *cli.Context, config *common.Config, rows []listed) bool {
	dir, err := e.stateDir(c, config)
	if err != nil {
		return false // nowhere to look
	}
	ctx, cancel := context.WithTimeoutCause(c.Context, listPatience, errors.New("the runner does not answer"))
	defer cancel()
	status, err := askStatus(ctx, dir)
	var none *control.NotRunningError
	if errors.As(err, &none) {
		return false
	}
	if err != nil {
		e.warnf("how registrations are is not known: %v", err)
		return false
	}
	byID := map[common.RegistrationID]control.Registration{}
	for _, r := range status.Registrations {
		byID[common.RegistrationID{URL: r.URL, UUID: r.UUID}] = r
	}
	for i, r := range config.Runners {
		rows[i].Live = newLive(byID[r.ID()])
	}
	return true
}

func askStatus(ctx context.Context, stateDir string) (control.Status, error) {
	client, err := control.Dial(ctx, stateDir)
	if err != nil {
		return control.Status{}, err
	}
	defer client.Close()
	return client.Status(ctx)
}

func newLive(r control.Registration) *listedLive {
	return &listedLive{
		Status: statusWord(r), Paused: r.Paused, Health: r.Health, NoRoom: r.NoRoom, Polling: r.Polling, WaitsForTurn: r.WaitsForTurn,
		NextPoll: r.NextPoll, BackoffSeconds: r.BackoffSeconds, LastOutcome: r.LastOutcome, LastPoll: r.LastPoll, Jobs: r.Running,
	}
}

// statusWord says how a registration is.
func statusWord(r control.Registration) string {
	health := supervisor.Health(r.Health)
	switch {
	case r.UUID == "":
		return "not served"
	case health == supervisor.HealthMisconfigured, health == supervisor.HealthSpent:
		return r.Health
	case r.Paused:
		return "paused"
	case r.NoRoom != "":
		return "no room"
	case health == supervisor.HealthFailing:
		return "backing off"
	case health == supervisor.HealthWell:
		return "ok"
	}
	return r.Health
}

// cells are the registration's in the table.
func (l *listedLive) cells(now time.Time) []string {
	next := ""
	switch {
	case l.Polling:
		next = "now"
	case l.WaitsForTurn:
		next = "at its turn"
	case l.NextPoll != nil:
		next = "in " + shortly(l.NextPoll.Sub(now))
	}
	return []string{l.Status, next, strconv.Itoa(l.Jobs)}
}
