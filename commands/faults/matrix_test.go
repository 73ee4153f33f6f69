//go:build real

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// outage is how long a server is away, or worse.
const outage = 5 * time.Second

// seedVariable replays a test that draws lots.
const seedVariable = "FAULTS_SEED"

func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64() >> 1
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay with %s=%d", seedVariable, seed)
	return seed
}

// trouble is a fault of the matrix.
type trouble struct {
	name string
	// hit makes it happen while the job is held in its state, and ends the
	// hold. What it gives is done once the task should be over.
	hit func(c *cell)
	// fails tells in which states it costs the job its success.
	fails []state
	// never are the states in which it cannot happen.
	never []state
	// deleted says that only the server's own sweep can end the task.
	deleted bool
	// exits says that the runner leaves because of it.
	exits bool
	// small says that it needs a small disk for the state directory.
	small bool
	// byItself are those of fails in which the job process says why.
	byItself []state
}

// lives are the states with a job process.
var lives = []state{claimed, preparing, running, cleaning}

func troubles() []trouble {
	return []trouble{
		{name: "SIGKILL of the supervisor", fails: []state{claimed}, hit: func(c *cell) {
			c.killSupervisor()
			c.restart()
		}},
		{name: "SIGKILL of the job process", fails: lives, never: []state{logSent, resultSent}, hit: func(c *cell) {
			c.resume()
			c.killJob()
		}},
		{name: "SIGKILL of both", fails: lives, hit: func(c *cell) {
			if c.state == claimed {
				c.resume() // a job process just started, as like as not without its job
			}
			if c.state != logSent && c.state != resultSent {
				c.killJob()
			}
			c.killSupervisor()
			c.restart()
		}},
		{name: "SIGTERM", exits: true, hit: func(c *cell) { c.r.signal(syscall.SIGTERM); c.soon(); c.letGo() }},
		{name: "SIGQUIT", exits: true, hit: func(c *cell) { c.r.signal(syscall.SIGQUIT); c.soon(); c.letGo() }},
		{name: "SIGUSR2", hit: func(c *cell) {
			c.r.signal(syscall.SIGUSR2)
			c.soon()
			c.letGo()
			c.r.says(60*time.Second, "Runner goes on in the place of")
		}},
		{name: "server down for 5 s", hit: func(c *cell) {
			c.during(coordinator.Fault{Reset: true})
		}},
		{name: "server hanging for 5 s", hit: func(c *cell) {
			c.during(coordinator.Fault{Hang: true})
			c.g.HTTP.CloseClientConnections() // as its restart does
		}},
		{name: "answers 502 for 5 s", hit: func(c *cell) { c.during(coordinator.Fault{Status: 502}) }},
		{name: "reports reset before they are stored, three times each", hit: func(c *cell) {
			c.reports(coordinator.Fault{Count: 3, Reset: true})
		}},
		{name: "reports reset after they are stored, three times each", hit: func(c *cell) {
			c.reports(coordinator.Fault{Count: 3, ResetAfter: true})
		}},
		{name: "every answer takes 1.5 s, for 5 s", hit: func(c *cell) {
			c.during(coordinator.Fault{DelayAnswer: 1500 * time.Millisecond})
		}},
		{name: "configuration broken", hit: func(c *cell) {
			c.breakConfig()
			c.letGo()
		}},
		// What the clock of the wall says is only on the disk: all else goes by one
		// that nobody sets.
		{name: "clock set a day forward, SIGKILL of the supervisor", fails: []state{claimed}, hit: func(c *cell) {
			c.killSupervisor()
			c.shiftClock(-24 * time.Hour)
			c.restart()
		}},
		{name: "clock set a day back, SIGKILL of the supervisor", fails: []state{claimed}, hit: func(c *cell) {
			c.killSupervisor()
			c.shiftClock(24 * time.Hour)
			c.restart()
		}},
		{name: "disk full for 5 s", small: true, fails: []state{claimed, preparing}, byItself: []state{preparing}, hit: func(c *cell) {
			empty := fill(c.t, c.file("state"))
			c.letGo()
			<-time.After(outage)
			empty()
		}},
		{name: "registration deleted on the server", fails: []state{claimed, preparing, running, logSent, cleaning}, deleted: true, hit: func(c *cell) {
			if err := c.g.DeleteRunner(c.g.Runners()[0].UUID); err != nil {
				c.t.Fatal(err)
			}
			c.resume() // the job itself is not let go: it has to be ended
		}},
	}
}

// TestMatrix meets a job in every state with every fault. The server ends with
// the right result and every row once, and nothing of the job is left.
func TestMatrix(t *testing.T) {
	seed := seedOf(t)
	const together = 5 // cells mostly wait
	free := make(chan struct{}, together)
	faults := troubles()
	outcomes := make([][]string, len(faults))
	var cells sync.WaitGroup
	for i, fault := range faults {
		outcomes[i] = make([]string, len(states))
		for k, s := range states {
			if contains(fault.never, s) {
				outcomes[i][k] = "–"
				continue
			}
			free <- struct{}{}
			cells.Go(func() {
				defer func() { <-free }()
				t.Run(string(s)+"/"+fault.name, func(t *testing.T) {
					number := i*len(states) + k
					c := newCell(t, s, number, rand.New(rand.NewPCG(seed, uint64(number))), fault.small)
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("state %q, fault %q, %s=%d; log of the task:\n%s", s, fault.name, seedVariable, seed, c.g.text(c.task))
						}
					})
					outcomes[i][k] = c.run(fault)
				})
			})
		}
	}
	cells.Wait()
	compare(t, table(faults, outcomes))
}

// table is what became of the tasks, as it is in docs/reliability.md.
func table(faults []trouble, outcomes [][]string) string {
	var out strings.Builder
	out.WriteString("| |")
	for _, s := range states {
		out.WriteString(" " + string(s) + " |")
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(states)) + "\n")
	for i, fault := range faults {
		out.WriteString("| " + fault.name + " | " + strings.Join(outcomes[i], " | ") + " |\n")
	}
	return out.String()
}

func compare(t *testing.T, table string) {
	if t.Failed() || strings.Contains(table, "|  |") {
		return // some cells failed, or were not run
	}
	t.Logf("\n%s", table)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table) {
		t.Error("docs/reliability.md has another table than the one above")
	}
}

// run holds the job in the cell's state, hits it, and gives what the server
// has of it in the end.
func (c *cell) run(fault trouble) string {
	c.reach()
	fault.hit(c)
	if fault.deleted {
		c.r.clean()
		c.sweep()
	}
	status := c.g.result(c.t, c.task, 60*time.Second)
	c.r.clean()
	fails := contains(fault.fails, c.state)
	want := coordinator.StatusSuccess
	if fails {
		want = coordinator.StatusFailure
	}
	if status != want {
		c.t.Errorf("status %v, want %v", status, want)
	}
	c.checkLog(fails, fault.deleted, contains(fault.byItself, c.state))
	c.checkMachine()
	if !fault.exits {
		c.mendConfig()
		c.r.signal(syscall.SIGTERM)
	}
	if code := c.r.waitExit(40 * time.Second); code != 0 {
		c.t.Errorf("exit code %d", code)
	}
	if fails && fault.deleted {
		return fmt.Sprint(status) + " by the server"
	}
	return fmt.Sprint(status)
}

// during lets the job go on while the server has a fault.
func (c *cell) during(f coordinator.Fault) {
	remove := c.g.Fault(coordinator.AnyRPC, f)
	c.letGo()
	<-time.After(outage)
	remove()
}

// reports makes reports, not polls, meet a fault.
func (c *cell) reports(f coordinator.Fault) {
	c.g.Fault(coordinator.UpdateLog, f)
	c.g.Fault(coordinator.UpdateTask, f)
	c.letGo()
}
