package commands

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"multirunner/commands/configfile"
	"multirunner/common"
	"multirunner/helpers/suggest"
)

const unregisterDescription = `Removes registrations from the configuration, and nothing else of the file. A
runner that is running finishes their jobs and asks for no more.

Servers have no way for a runner to delete itself: the entry there stays,
offline, until somebody deletes it on the page that this command names.

Example:
   $ runner unregister --name builder-a`

// UnregisterCommand is `runner unregister`.
func UnregisterCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "unregister",
		Usage:       "remove a registration from the configuration",
		Description: unregisterDescription,
		Flags: []cli.Flag{
			configFlag(),
			&cli.StringFlag{Name: "name", Usage: "the registration's `NAME`"},
			&cli.BoolFlag{Name: "all", Usage: "remove all registrations"},
		},
		Action: func(c *cli.Context) error { return env.unregister(c) },
	}
}

func (e *Env) unregister(c *cli.Context) error {
	name, all := c.String("name"), c.Bool("all")
	if (name == "") == !all {
		return errors.New("unregister: give either --name NAME or --all")
	}
	path := e.configPath(c.String("config"))
	file, err := configfile.Loader{Getenv: e.Getenv}.Load(path)
	if err != nil {
		return err
	}
	if !all {
		if err := checkName(file, name); err != nil {
			return err
		}
	}
	removed, err := configfile.Remove(path, func(r *common.RunnerConfig) bool { return all || r.Name == name })
	if err != nil {
		return err
	}
	if len(removed) == 0 {
		e.printf("%s has no registrations\n", path)
		return nil
	}
	for _, r := range removed {
		e.printf("removed %s (%s, %s) from %s\n", r.Name, publicURL(r.URL), r.UUID, path)
		e.printf("  its entry on the server stays until it is deleted there, under Actions → Runners:\n")
		for _, page := range settingsPages(publicURL(r.URL)) {
			e.printf("  %s\n", page)
		}
	}
	return nil
}

// checkName makes sure that exactly one registration is meant.
func checkName(file *configfile.File, name string) error {
	var names []string
	found := 0
	for _, r := range file.Config.Runners {
		names = append(names, r.Name)
		if r.Name == name {
			found++
		}
	}
	switch {
	case found == 1:
		return nil
	case found > 1:
		return fmt.Errorf("%s has %d registrations named %q: give them names of their own first (runner config check shows the lines)", file.Path, found, name)
	}
	hint := "runner list shows them"
	if near := suggest.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return fmt.Errorf("%s has no registration named %q: %s", file.Path, name, hint)
}

// settingsPages are where runners of an instance are managed. Which one has a
// runner depends on whose registration token it was made with; the file does
// not tell.
func settingsPages(instance string) []string {
	base := common.NormalizeURL(instance)
	return []string{
		base + "/-/admin/actions/runners (of the whole instance)",
		base + "/org/ORGANISATION/settings/actions/runners (of an organisation)",
		base + "/OWNER/REPOSITORY/settings/actions/runners (of a repository)",
		base + "/user/settings/actions/runners (of a user)",
	}
}
