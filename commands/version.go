package commands

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"multirunner/commands/upgrade"
)

const versionDescription = `Prints version, revision and platform of this program. With --json also the
versions of the formats that it writes; it reads those and the ones before.

Example:
   $ runner version --json`

// VersionCommand is `runner version`.
func VersionCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version",
		Description: versionDescription,
		Flags:       []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.Bool("json") {
				return env.printJSON(struct {
					VersionInfo
					Formats map[string]int `json:"formats"`
				}{env.Version, upgrade.Formats()})
			}
			env.printf("runner %s\n", env.Version)
			return nil
		},
	}
}

// printJSONLine prints a value as one line.
func (e *Env) printJSONLine(value any) error { return json.NewEncoder(e.Stdout).Encode(value) }

// printJSON prints one indented value and a newline.
func (e *Env) printJSON(value any) error {
	encoder := json.NewEncoder(e.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
