package commands

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"multirunner/commands/state"
	"multirunner/common"
)

const configCheckDescription = `Reads the configuration as runner run does and prints everything that is wrong
with it: file and line, key, what to do. Unknown keys are errors here, while
runner run only warns of them. Exits with 1 when there is an error.

Example:
   $ runner config check -c /etc/runner/config.toml`

const configShowDescription = `Prints the configuration that is in effect, defaults included, as TOML.
Tokens, passwords and the values of environment entries are not shown.

Example:
   $ runner config show`

// ConfigCommand is `runner config`.
func ConfigCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "check or show the configuration",
		Description: `Example:
   $ runner config check`,
		Subcommands: []*cli.Command{
			{
				Name:        "check",
				Usage:       "tell what is wrong with the configuration, and where",
				Description: configCheckDescription,
				Flags:       []cli.Flag{configFlag()},
				Action:      func(c *cli.Context) error { return env.configCheck(c) },
			},
			{
				Name:        "show",
				Usage:       "print the configuration in effect, without secrets",
				Description: configShowDescription,
				Flags:       []cli.Flag{configFlag()},
				Action:      func(c *cli.Context) error { return env.configShow(c) },
			},
		},
	}
}

func (e *Env) configCheck(c *cli.Context) error {
	file, err := e.load(c.String("config"))
	if err != nil {
		fmt.Fprintln(e.Stderr, err)
		return errSilent
	}
	errorCount, warnings := 0, 0
	for _, p := range file.Problems {
		if p.Warning && !p.Unknown {
			warnings++
			e.warnf("%s", p)
			continue
		}
		errorCount++
		fmt.Fprintln(e.Stderr, p)
	}
	if errorCount > 0 {
		fmt.Fprintf(e.Stderr, "%s: %s, %s\n", file.Path, count(errorCount, "error"), count(warnings, "warning"))
		return errSilent
	}
	servers := map[string]bool{}
	for _, r := range file.Config.Runners {
		servers[common.NormalizeURL(r.URL)] = true
	}
	e.printf("%s: ok, %s on %s, %s\n", file.Path,
		count(len(file.Config.Runners), "registration"), count(len(servers), "server"), count(warnings, "warning"))
	return nil
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func (e *Env) configShow(c *cli.Context) error {
	file, err := e.load(c.String("config"))
	if err != nil {
		return err
	}
	shown := *file.Config
	if shown.StateDir == "" {
		if shown.StateDir, err = state.DefaultRoot(e.Getenv, e.AsRoot); err != nil {
			return err
		}
	}
	shown.Runners = make([]*common.RunnerConfig, len(file.Config.Runners))
	for i, r := range file.Config.Runners {
		shown.Runners[i] = withoutSecrets(r)
	}
	for _, p := range file.Problems {
		e.warnf("%s", p)
	}
	encoder := toml.NewEncoder(e.Stdout)
	encoder.Indent = "  "
	return encoder.Encode(&shown)
}

// withoutSecrets gives a copy that may be shown, with every list there. Token
// hides itself.
func withoutSecrets(r *common.RunnerConfig) *common.RunnerConfig {
	shown := *r
	shown.URL = publicURL(r.URL)
	if r.TokenFile != "" || r.TokenEnv != "" {
		shown.Token = common.Secret{} // it is not from the key of that name
	}
	shown.Labels = append([]string{}, r.Labels...)
	shown.Environment = make([]string, len(r.Environment))
	for i, entry := range r.Environment {
		name, _, _ := strings.Cut(entry, "=")
		shown.Environment[i] = name + "=" + common.NewSecret(entry).String()
	}
	shown.Shell.PassEnvironment = append([]string{}, r.Shell.PassEnvironment...)
	shown.Docker = dockerWithoutSecrets(r.Docker)
	return &shown
}

// dockerWithoutSecrets is withoutSecrets for [runners.docker].
func dockerWithoutSecrets(d common.DockerConfig) common.DockerConfig {
	d.PullPolicy = append(common.PullPolicy{}, d.PullPolicy...)
	for _, list := range []*[]string{
		&d.AllowedImages, &d.AllowedServices, &d.CapAdd, &d.CapDrop, &d.Devices,
		&d.Volumes, &d.AllowedVolumes, &d.AllowedOptions, &d.DNS, &d.ExtraHosts,
	} {
		*list = append([]string{}, *list...)
	}
	d.Host = publicURL(d.Host)
	d.Registries = append([]common.RegistryConfig(nil), d.Registries...)
	for i := range d.Registries {
		if registry := &d.Registries[i]; registry.PasswordFile != "" || registry.PasswordEnv != "" {
			registry.Password = common.Secret{}
		}
	}
	return d
}

// publicURL hides a password that somebody wrote into a URL.
func publicURL(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}
