package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"multirunner/common"
	"multirunner/network"
)

const verifyDescription = `Asks the server of each registration whether it knows the runner. Nothing is
changed there. Exits with 1 when one registration is not well.

Example:
   $ runner verify -c /etc/runner/config.toml`

const (
	verifyParallel = 16
	verifyTimeout  = 20 * time.Second
)

// VerifyCommand is `runner verify`.
func VerifyCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "verify",
		Usage:       "ask the servers whether they know the registrations",
		Description: verifyDescription,
		Flags:       []cli.Flag{configFlag(), jsonFlag()},
		Action:      func(c *cli.Context) error { return env.verify(c) },
	}
}

// verified is a registration as `verify --json` prints it.
type verified struct {
	Name             string            `json:"name"`
	URL              string            `json:"url"`
	UUID             string            `json:"uuid"`
	OK               bool              `json:"ok"`
	Message          string            `json:"message"` // what is wrong and what to do
	MissingExecutors []missingExecutor `json:"missing_executors"`
}

func (e *Env) verify(c *cli.Context) error {
	file, err := e.load(c.String("config"))
	if err != nil {
		return err
	}
	pool := e.NewPool(verifyParallel)
	defer pool.Close()
	check := e.executorCheck()
	results := make([]verified, len(file.Config.Runners))
	var group errgroup.Group
	group.SetLimit(verifyParallel)
	for i, r := range file.Config.Runners {
		results[i] = verified{
			Name: r.Name, URL: publicURL(r.URL), UUID: r.UUID,
			MissingExecutors: append([]missingExecutor{}, check.missing(c.Context, r)...),
		}
		if problems := problemsOf(file.Problems, i); len(problems) > 0 {
			results[i].Message = strings.Join(problems, "; ")
			continue
		}
		group.Go(func() error {
			results[i].Message = verifyMessage(verifyOne(c.Context, pool, r), r)
			results[i].OK = results[i].Message == ""
			return nil
		})
	}
	group.Wait() // no error: results have them
	return e.printVerified(file.Path, results, c.Bool("json"))
}

func verifyOne(ctx context.Context, pool *network.Pool, r *common.RunnerConfig) error {
	endpoint, err := pool.Endpoint(r.URL, network.TLSOptions{CAFile: r.TLSCAFile, Insecure: r.InsecureSkipVerify})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, verifyTimeout, fmt.Errorf("no answer within %s", verifyTimeout))
	defer cancel()
	return endpoint.Client(r.UUID, r.Token).Verify(ctx)
}

// verifyMessage says what is wrong and what to do; "" when nothing is.
func verifyMessage(err error, r *common.RunnerConfig) string {
	switch network.Classify(err) {
	case network.ClassNone:
		return ""
	case network.ClassUnregistered:
		return fmt.Sprintf("the server does not know this runner: it was deleted there, or its token is wrong; `runner unregister --name %s`, then register again", r.Name)
	}
	return err.Error()
}

func (e *Env) printVerified(path string, results []verified, asJSON bool) error {
	bad := 0
	for _, r := range results {
		if !r.OK {
			bad++
		}
	}
	if err := e.printResults(path, results, asJSON); err != nil {
		return err
	}
	if bad == 0 {
		return nil
	}
	fmt.Fprintf(e.Stderr, "%d of %s not well\n", bad, count(len(results), "registration"))
	return errSilent
}

func (e *Env) printResults(path string, results []verified, asJSON bool) error {
	if asJSON {
		return e.printJSON(results)
	}
	if len(results) == 0 {
		e.printf("%s has no registrations: runner register adds one\n", path)
		return nil
	}
	table := newTable(e.Stdout, "NAME", "URL", "STATUS", "MESSAGE")
	for _, r := range results {
		status := "ok"
		if !r.OK {
			status = "error"
		}
		table.row(r.Name, r.URL, status, r.Message)
	}
	if err := table.flush(); err != nil {
		return err
	}
	for _, r := range results {
		for _, m := range r.MissingExecutors {
			e.warnf("%s: %s", r.Name, m)
		}
	}
	return nil
}
