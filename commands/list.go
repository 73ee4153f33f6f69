package commands

import (
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"multirunner/common"
)

const listDescription = `Prints the registrations of the configuration, and when a runner is running with
it, how they are: paused, backing off, unregistered, when the next poll is.
Tokens are never shown. No server is asked; runner verify does that.

Example:
   $ runner list --json`

// ListCommand is `runner list`.
func ListCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "print the registrations of the configuration",
		Description: listDescription,
		Flags:       runningFlags(jsonFlag()),
		Action:      func(c *cli.Context) error { return env.list(c) },
	}
}

// listed is a registration as `list --json` prints it.
type listed struct {
	Name             string            `json:"name"`
	URL              string            `json:"url"`
	UUID             string            `json:"uuid"`
	Labels           []string          `json:"labels"`
	Executor         string            `json:"executor"`
	Limit            int               `json:"limit"`
	Weight           float64           `json:"weight"`
	Ephemeral        bool              `json:"ephemeral"`
	MissingExecutors []missingExecutor `json:"missing_executors"`
	Problems         []string          `json:"problems"` // what keeps it from working
	Live             *listedLive       `json:"live,omitempty"`
}

func (e *Env) list(c *cli.Context) error {
	file, err := e.load(c.String("config"))
	if err != nil {
		return err
	}
	check := e.executorCheck()
	rows := make([]listed, len(file.Config.Runners))
	for i, r := range file.Config.Runners {
		rows[i] = listed{
			Name: r.Name, URL: publicURL(r.URL), UUID: r.UUID, Labels: append([]string{}, r.Labels...), Executor: r.Executor,
			Limit: r.Limit, Weight: r.Weight, Ephemeral: r.Ephemeral,
			MissingExecutors: append([]missingExecutor{}, check.missing(c.Context, r)...),
			Problems:         problemsOf(file.Problems, i),
		}
	}
	running := e.addLive(c, file.Config, rows)
	if c.Bool("json") {
		return e.printJSON(rows)
	}
	return e.printList(file.Path, rows, running)
}

// problemsOf gives what keeps a registration from working.
func problemsOf(problems []common.Problem, runner int) []string {
	texts := []string{}
	for _, p := range problems {
		if p.Runner == runner && !p.Warning {
			texts = append(texts, p.String())
		}
	}
	return texts
}

func (e *Env) printList(path string, rows []listed, running bool) error {
	if len(rows) == 0 {
		e.printf("%s has no registrations: runner register adds one\n", path)
		return nil
	}
	heads := []string{"NAME", "URL", "UUID", "LABELS", "EXECUTOR", "LIMIT"}
	if running {
		heads = append(heads, "STATUS", "NEXT POLL", "JOBS")
	}
	table := newTable(e.Stdout, heads...)
	now := time.Now()
	for _, r := range rows {
		limit := "none"
		if r.Limit > 0 {
			limit = strconv.Itoa(r.Limit)
		}
		cells := []string{r.Name, r.URL, r.UUID, strings.Join(r.Labels, ","), r.Executor, limit}
		if running {
			cells = append(cells, r.Live.cells(now)...)
		}
		table.row(cells...)
	}
	if err := table.flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Live != nil && r.Live.NoRoom != "" {
			e.warnf("%s is not polled now: %s", r.Name, r.Live.NoRoom)
		}
		for _, m := range r.MissingExecutors {
			e.warnf("%s: %s", r.Name, m)
		}
		for _, p := range r.Problems {
			e.warnf("%s", p)
		}
	}
	return nil
}

// table prints aligned columns.
type table struct{ w *tabwriter.Writer }

func newTable(out interface{ Write([]byte) (int, error) }, heads ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(heads...)
	return t
}

// row prints an empty cell as a dash, so that columns can be counted.
func (t table) row(cells ...string) {
	for i, cell := range cells {
		if cell == "" {
			cell = "-"
		}
		if i > 0 {
			t.w.Write([]byte("\t")) // errors come with Flush
		}
		t.w.Write([]byte(cell))
	}
	t.w.Write([]byte("\n"))
}

func (t table) flush() error { return t.w.Flush() }
