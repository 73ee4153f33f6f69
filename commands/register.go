package commands

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"multirunner/commands/configfile"
	"multirunner/common"
	"multirunner/network"
)

const registerDescription = `Makes this machine known to a server and adds a [[runners]] block at the end of
the configuration; the rest of the file stays as it is. A runner that is running
takes the new registration within seconds.

There are two ways:
 - with a registration token, from the server's settings under Actions → Runners
   (--token, or --registration-token, which is the same): the server makes a new
   entry for this runner;
 - with --uuid and --token of a runner that was created on the server.

What is missing is asked for on a terminal. Labels say what jobs ask for in
runs-on and where such a job runs: NAME:host on this machine,
NAME:docker://IMAGE in a container, NAME alone on the --executor.

Example:
   $ runner register --url https://git.example.org --token TOKEN --name builder-a --labels linux:host,go:host
   $ runner register --url https://git.example.org --token-file /run/secrets/token --name builder-b --labels linux:host --non-interactive`

// RegisterCommand is `runner register`.
func RegisterCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "register",
		Usage:       "register with a server and add it to the configuration",
		Description: registerDescription,
		Flags: []cli.Flag{
			configFlag(),
			&cli.StringFlag{Name: "url", Usage: "the `URL` of the instance, https://git.example.org"},
			&cli.StringFlag{Name: "token", Usage: "a registration `TOKEN`, or with --uuid the runner's own"},
			&cli.StringFlag{Name: "registration-token", Usage: "a registration `TOKEN`"},
			&cli.StringFlag{Name: "token-file", TakesFile: true, Usage: "a `FILE` that holds the token"},
			&cli.StringFlag{Name: "uuid", Usage: "the `UUID` of a runner that was created on the server"},
			&cli.StringFlag{Name: "name", Usage: "the `NAME` of the registration, one of its own in the file"},
			&cli.StringSliceFlag{Name: "labels", Usage: "`LABELS`, with commas between them"},
			&cli.StringFlag{Name: "executor", Value: "shell", Usage: "where jobs of labels run that do not say it: `EXECUTOR` is shell or docker"},
			&cli.IntFlag{Name: "limit", Usage: "at most `N` jobs at once (0: only as many as concurrent says)"},
			&cli.BoolFlag{Name: "ephemeral", Usage: "for one job only: the server forgets the runner then"},
			&cli.StringFlag{Name: "tls-ca-file", TakesFile: true, Usage: "a PEM `FILE` with the authority that signed the server's certificate"},
			&cli.BoolFlag{Name: "insecure-skip-verify", Usage: "do not check the server's certificate"},
			&cli.BoolFlag{Name: "non-interactive", Usage: "never ask: what is missing is an error"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return env.register(c) },
	}
}

// newRegistration is what is to be registered.
type newRegistration struct {
	runner common.RunnerConfig
	// token is the registration token, or with a uuid the runner's own.
	token common.Secret
}

func (e *Env) register(c *cli.Context) error {
	path := e.configPath(c.String("config"))
	reg, err := e.registrationFromFlags(c)
	if err != nil {
		return err
	}
	if err := e.askForMissing(reg, c.Bool("non-interactive")); err != nil {
		return err
	}
	if err := e.checkLabels(c.Context, reg); err != nil {
		return err
	}
	// Everything that can fail here fails before the server makes an entry.
	if err := checkFits(path, reg); err != nil {
		return err
	}
	if err := e.introduce(c.Context, reg); err != nil {
		return err
	}
	return e.keep(path, reg, c.Bool("json"))
}

// registrationFromFlags takes what the command line says.
func (e *Env) registrationFromFlags(c *cli.Context) (*newRegistration, error) {
	reg := &newRegistration{runner: *common.DefaultRunner()}
	r := &reg.runner
	r.URL = strings.TrimRight(strings.TrimSpace(c.String("url")), "/")
	r.UUID, r.Name = c.String("uuid"), c.String("name")
	r.Labels = splitLabels(c.StringSlice("labels"))
	r.Executor, r.Limit, r.Ephemeral = c.String("executor"), c.Int("limit"), c.Bool("ephemeral")
	r.InsecureSkipVerify = c.Bool("insecure-skip-verify")
	if file := c.String("tls-ca-file"); file != "" {
		absolute, err := filepath.Abs(file) // the configuration may be elsewhere
		if err != nil {
			return nil, fmt.Errorf("--tls-ca-file: %w", err)
		}
		r.TLSCAFile = absolute
	}
	return reg, e.tokenFromFlags(c, reg)
}

func (e *Env) tokenFromFlags(c *cli.Context, reg *newRegistration) error {
	var given []string
	for _, flag := range []string{"token", "registration-token", "token-file"} {
		if c.String(flag) != "" {
			given = append(given, flag)
		}
	}
	switch {
	case len(given) > 1:
		return fmt.Errorf("register: --%s and --%s are both given, keep one", given[0], given[1])
	case len(given) == 0:
		return nil
	case given[0] == "registration-token" && reg.runner.UUID != "":
		return errors.New("register: --uuid is for a runner that exists on the server: give its own token with --token, or leave --uuid out to make a new one with --registration-token")
	case given[0] != "token-file":
		reg.token = common.NewSecret(strings.TrimSpace(c.String(given[0])))
		return nil
	}
	file, err := filepath.Abs(c.String("token-file"))
	if err != nil {
		return fmt.Errorf("--token-file: %w", err)
	}
	if reg.token, err = configfile.ReadToken(file); err != nil {
		return fmt.Errorf("--token-file: %w", err)
	}
	if reg.runner.UUID != "" {
		reg.runner.TokenFile = file // the runner's own token stays there alone
	}
	return nil
}

// splitLabels takes --labels a,b --labels c.
func splitLabels(values []string) []string {
	var labels []string
	for _, value := range values {
		for label := range strings.SplitSeq(value, ",") {
			if label = strings.TrimSpace(label); label != "" {
				labels = append(labels, label)
			}
		}
	}
	return labels
}

// checkLabels refuses labels that nothing could ever run, and warns of those
// that nothing runs on this machine as it is.
func (e *Env) checkLabels(ctx context.Context, reg *newRegistration) error {
	for _, text := range reg.runner.Labels {
		label, err := common.ParseLabel(text)
		if err != nil {
			return fmt.Errorf("--labels: %w", err)
		}
		if name, scheme, found := strings.Cut(text, ":"); found && label.Scheme == "" && strings.Contains(scheme, "://") {
			scheme, _, _ = strings.Cut(scheme, ":")
			return fmt.Errorf("--labels: label %q names the executor %q, which is unknown: write %s:host or %s:docker://IMAGE", text, scheme, name, name)
		}
	}
	for _, m := range e.executorCheck().missing(ctx, &reg.runner) {
		e.warnf("%s; the server is not told of such labels while the runner runs", m)
	}
	return nil
}

// checkFits makes sure that the registration can be written: that its values
// are good, the file can be read and has room for it.
func checkFits(path string, reg *newRegistration) error {
	probe := reg.runner
	if probe.UUID == "" {
		probe.UUID = "not-yet-known"
	}
	if probe.TokenFile == "" {
		probe.Token = reg.token
	}
	return configfile.Check(path, configfile.Block(&probe))
}

// introduce speaks with the server: the runner has uuid and token afterwards.
func (e *Env) introduce(ctx context.Context, reg *newRegistration) error {
	r := &reg.runner
	pool := e.NewPool(1)
	defer pool.Close()
	endpoint, err := pool.Endpoint(r.URL, network.TLSOptions{CAFile: r.TLSCAFile, Insecure: r.InsecureSkipVerify})
	if err != nil {
		return err
	}
	if err := endpoint.Ping(ctx); err != nil {
		var wrong *network.WrongServerError
		if errors.As(err, &wrong) {
			return fmt.Errorf("%w; give --url as it is in the browser's address bar on the front page", err)
		}
		return fmt.Errorf("%s does not answer: %w", r.URL, err)
	}
	if r.UUID != "" {
		return e.adopt(ctx, endpoint, reg)
	}
	registered, err := endpoint.Register(ctx, network.RegisterRequest{
		Token: reg.token, Name: r.Name, Version: e.Version.Version, Labels: labelNames(r), Ephemeral: r.Ephemeral,
	})
	if err != nil {
		return explainRegister(err, r)
	}
	r.UUID, r.Token = registered.UUID, registered.Token
	return nil
}

// adopt takes over a runner that exists on the server.
func (e *Env) adopt(ctx context.Context, endpoint *network.Endpoint, reg *newRegistration) error {
	if reg.runner.TokenFile == "" {
		reg.runner.Token = reg.token
	}
	err := endpoint.Client(reg.runner.UUID, reg.token).Verify(ctx)
	if network.Classify(err) == network.ClassUnregistered {
		return fmt.Errorf("%s does not know a runner with this uuid and token: copy both from the page of the runner, or register a new one with --registration-token", reg.runner.URL)
	}
	return err
}

// labelNames are what the server is told.
func labelNames(r *common.RunnerConfig) []string {
	names := []string{}
	for _, label := range r.ParsedLabels() {
		names = append(names, label.Name)
	}
	return names
}

// explainRegister says what to do about a registration that failed.
func explainRegister(err error, r *common.RunnerConfig) error {
	if strings.Contains(err.Error(), "registration token") {
		return fmt.Errorf("%w: copy the current token from the server's settings, Actions → Runners (%s)", err, common.NormalizeURL(r.URL)+"/-/admin/actions/runners")
	}
	if network.RequestSent(err) {
		return fmt.Errorf("%w: the answer did not come, so the server may have made an entry that nobody uses: delete it there, then try again", err)
	}
	return err
}

// registered is what `register --json` prints.
type registered struct {
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	UUID   string   `json:"uuid"`
	Labels []string `json:"labels"`
	File   string   `json:"file"`
}

// keep writes the block into the file.
func (e *Env) keep(path string, reg *newRegistration, asJSON bool) error {
	r := &reg.runner
	block := configfile.Block(r)
	if err := configfile.Append(path, block); err != nil {
		fmt.Fprintf(e.Stderr, "The server knows the runner now, but the configuration could not be written: %v\nAdd this block to it by hand; its token is not shown again:\n\n", err)
		e.printf("%s", block)
		return errSilent
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if mode, loose := configfile.LooseMode(path); loose {
		e.warnf("%s has mode %04o, so others can read the token in it: chmod 600 %s", path, mode, path)
	}
	if asJSON {
		return e.printJSON(registered{Name: r.Name, URL: r.URL, UUID: r.UUID, Labels: r.Labels, File: path})
	}
	e.printf("registered %s with %s (uuid %s), written to %s\n", r.Name, r.URL, r.UUID, path)
	return nil
}
