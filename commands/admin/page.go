package admin

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"time"

	"multirunner/commands/supervisor"
)

// pageRows bounds the page: /debug/runners has all registrations.
const pageRows = 500

//go:embed page.html
var pageText string

// pageData is what the status page shows.
type pageData struct {
	Version  string
	State    string
	Uptime   time.Duration
	Reasons  []string // why the runner is not ready
	Status   supervisor.Status
	Shown    []supervisor.RegistrationStatus
	NotShown int
	Problem  string // why there is no Status
}

func newPageTemplate() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"ago": func(t time.Time) string {
			if t.IsZero() {
				return "–"
			}
			return time.Since(t).Round(time.Second).String() + " ago"
		},
		"in": func(t time.Time) string {
			switch wait := time.Until(t).Round(time.Second); {
			case t.IsZero():
				return "–"
			case wait <= 0:
				return "now"
			default:
				return "in " + wait.String()
			}
		},
		"took": jobDuration,
	}).Parse(pageText))
}

// page shows people what is going on.
func (a *Admin) page(w http.ResponseWriter, _ *http.Request) {
	data := pageData{
		Version: a.options.Version, Uptime: time.Since(a.options.Started).Round(time.Second), Reasons: a.reasons(),
	}
	status, err := a.status.get()
	switch {
	case errors.Is(err, supervisor.ErrNotRunning):
		data.State = "stopped; what servers do not have yet is still being sent"
	case err != nil:
		data.State, data.Problem = "unknown", err.Error()
	default:
		data.State, data.Status = status.Phase, status
		data.Shown = status.Registrations[:min(pageRows, len(status.Registrations))]
		data.NotShown = len(status.Registrations) - len(data.Shown)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// An error is the client's, who is gone.
	_ = a.template.Execute(w, data)
}
