package commands

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"multirunner/helpers/suggest"
)

// envPrefix begins the environment variable of each flag. RUNNER_ is not it:
// jobs have such variables.
const envPrefix = "MULTIRUNNER_"

// NewApp puts the program together. Each verb gets the flags and rules that
// all have: logging, environment variables, flags before arguments.
func NewApp(env *Env, verbs ...*cli.Command) *cli.App {
	app := &cli.App{
		Name:    "runner",
		Usage:   "run the jobs of many Gitea Actions registrations from one process",
		Version: env.Version.Version,
		Description: `Example:
   $ runner register --url https://git.example.org --token TOKEN --name builder --labels linux:host
   $ runner run`,
		Commands:  verbs,
		Flags:     withVariables(logFlags()),
		Reader:    env.Stdin,
		Writer:    env.Stdout,
		ErrWriter: env.Stderr,
		// The values of lists may have commas in them.
		DisableSliceFlagSeparator: true,
		EnableBashCompletion:      true,
		HideVersion:               true, // it is a verb
		OnUsageError:              usageError,
		// main ends the process, by ExitCode.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	app.Action = func(c *cli.Context) error { return noVerb(c, app.Commands, app.Name) }
	for _, verb := range verbs {
		prepare(verb, app.Name)
	}
	return app
}

// ExitCode tells how the process ends after the app has run, and says what is
// wrong.
func ExitCode(env *Env, err error) int {
	var coder cli.ExitCoder
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
		return 1
	case errors.As(err, &coder):
		if err.Error() != "" {
			fmt.Fprintln(env.Stderr, err)
		}
		return coder.ExitCode()
	}
	fmt.Fprintf(env.Stderr, "runner: %v\n", err)
	return 1
}

// prepare adds to a verb, and to the verbs below it, what all have.
func prepare(verb *cli.Command, parent string) {
	name := parent + " " + verb.Name
	verb.OnUsageError = usageError
	verb.HideHelpCommand = true
	if len(verb.Subcommands) > 0 {
		verb.Action = func(c *cli.Context) error { return noVerb(c, verb.Subcommands, name) }
		for _, sub := range verb.Subcommands {
			prepare(sub, name)
		}
		return
	}
	verb.Flags = append(withVariables(verb.Flags), logFlags()...)
	action := verb.Action
	verb.Action = func(c *cli.Context) error {
		if err := checkArguments(c.Args().Slice(), verb.ArgsUsage != "", name); err != nil {
			return err
		}
		return action(c)
	}
}

// checkArguments refuses flags behind arguments, which would be arguments.
func checkArguments(args []string, allowed bool, name string) error {
	if len(args) == 0 || allowed && strings.HasPrefix(args[0], "-") {
		return nil // the first can begin so only behind "--", which says that no flag follows
	}
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if len(arg) > 1 && arg[0] == '-' {
			return fmt.Errorf("%s: flags come before arguments: write %s behind %q and before %q", name, arg, name, args[0])
		}
	}
	if !allowed {
		return fmt.Errorf("%s takes no arguments, only flags: %q is none (see %s --help)", name, args[0], name)
	}
	return nil
}

// noVerb answers a line that names no known verb.
func noVerb(c *cli.Context, verbs []*cli.Command, name string) error {
	if !c.Args().Present() {
		return cli.ShowSubcommandHelp(c)
	}
	word := c.Args().First()
	var names []string
	for _, verb := range verbs {
		if !verb.Hidden {
			names = append(names, verb.Name)
		}
	}
	hint := ""
	if near := suggest.Nearest(word, names); near != "" {
		hint = fmt.Sprintf(", did you mean %s?", near)
	}
	return fmt.Errorf("%s has no command %q%s (see %s --help)", name, word, hint, name)
}

// usageError says what is wrong with the flags, without the whole help text.
func usageError(c *cli.Context, err error, _ bool) error {
	name := c.App.Name
	if c.Command != nil && c.Command.HelpName != "" {
		name = c.Command.HelpName
	}
	flag, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if flag = strings.TrimLeft(flag, "-"); !unknown || flag == "" {
		return fmt.Errorf("%s: %w (see %s --help)", name, err, name)
	}
	var known []string
	for _, f := range c.Command.Flags {
		known = append(known, f.Names()...)
	}
	hint := ""
	if near := suggest.Nearest(flag, known); near != "" {
		hint = ", did you mean --" + near + "?"
	}
	return fmt.Errorf("%s has no flag --%s%s (see %s --help)", name, flag, hint, name)
}

// withVariables gives each flag that has none its environment variable.
func withVariables(flags []cli.Flag) []cli.Flag {
	for _, flag := range flags {
		names := []string{envPrefix + strings.ToUpper(strings.ReplaceAll(flag.Names()[0], "-", "_"))}
		switch f := flag.(type) {
		case *cli.StringFlag:
			f.EnvVars = orDefault(f.EnvVars, names)
		case *cli.StringSliceFlag:
			f.EnvVars = orDefault(f.EnvVars, names)
		case *cli.BoolFlag:
			f.EnvVars = orDefault(f.EnvVars, names)
		case *cli.IntFlag:
			f.EnvVars = orDefault(f.EnvVars, names)
		case *cli.DurationFlag:
			f.EnvVars = orDefault(f.EnvVars, names)
		}
	}
	return flags
}

func orDefault(have, otherwise []string) []string {
	if len(have) > 0 {
		return slices.Clone(have)
	}
	return otherwise
}

// configFlag is -c of the verbs that read or write the configuration.
func configFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "config", Aliases: []string{"c"}, TakesFile: true,
		Usage: "the configuration `FILE` (default: config.toml here if there is one, else /etc/runner/config.toml as root, ~/.config/runner/config.toml as another user)",
	}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON, for scripts"}
}

// warnf tells a person something that is no error.
func (e *Env) warnf(format string, args ...any) {
	fmt.Fprintf(e.Stderr, "warning: "+format+"\n", args...)
}

func (e *Env) printf(format string, args ...any) { fmt.Fprintf(e.Stdout, format, args...) }
