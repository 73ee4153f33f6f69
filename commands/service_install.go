package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"multirunner/commands/configfile"
	"multirunner/commands/service"
	"multirunner/common"
)

func (v *serviceVerb) install(c *cli.Context) error {
	if err := service.CheckName(c.String("name")); err != nil {
		return err
	}
	if !v.host.Privileged && !c.Bool("print") {
		return needsPrivileges("install")
	}
	file, err := v.env.load(c.String("config"))
	if c.Bool("print") && errors.Is(err, fs.ErrNotExist) {
		v.env.warnf("%v", err)
		file, err = &configfile.File{Path: v.env.configPath(c.String("config")), Config: common.DefaultConfig()}, nil
	}
	if err != nil {
		return err
	}
	spec, err := v.spec(c, file)
	if err != nil {
		return err
	}
	if c.Bool("print") {
		text, err := v.host.Manager.Text(spec)
		v.env.printf("%s", text)
		return err
	}
	return v.installChecked(c, spec, file)
}

// spec is the service that the flags and the configuration describe.
func (v *serviceVerb) spec(c *cli.Context, file *configfile.File) (service.Spec, error) {
	spec := service.Spec{Name: c.String("name"), User: c.String("user"), StateDir: c.String("working-directory"), FixedStateDir: true}
	var err error
	if spec.Program, err = v.host.ProgramPath(); err != nil {
		return spec, err
	}
	if spec.Config, err = filepath.Abs(file.Path); err != nil {
		return spec, err
	}
	switch configured := file.Config.StateDir; {
	case spec.StateDir != "":
		spec.StateDir, err = filepath.Abs(spec.StateDir)
	case configured == "":
		spec.StateDir = v.host.DefaultStateDir(spec.Name)
	case !filepath.IsAbs(configured):
		err = fmt.Errorf("%s: state_dir %q depends on the directory that the service is started in: write an absolute path", file.Path, configured)
	default:
		spec.StateDir, spec.FixedStateDir = filepath.Clean(configured), false
	}
	return spec, err
}

// installChecked installs what passes every check. Nothing is changed before
// the last one.
func (v *serviceVerb) installChecked(c *cli.Context, spec service.Spec, file *configfile.File) error {
	if err := v.checkConfig(spec, file); err != nil {
		return err
	}
	account, err := service.LookupAccount(spec.User)
	if err != nil {
		return err
	}
	if err := v.checkFiles(c.Context, spec, file.Config, account); err != nil {
		return err
	}
	if err := checkJobUsers(spec, file.Config, account); err != nil {
		return err
	}
	if err := account.MakeStateDir(c.Context, spec.StateDir, otherUsers(file.Config)); err != nil {
		return err
	}
	v.warnOfSharedUser(file.Config, account)
	outcome, err := v.host.Manager.Install(c.Context, spec, c.Bool("force"))
	if err != nil {
		return err
	}
	switch outcome {
	case service.Unchanged:
		v.env.printf("The service %s is installed like this already.\n", spec.Name)
	case service.Replaced:
		v.env.printf("Replaced the service %s. A running one goes on as before until it is restarted.\n", spec.Name)
	default:
		v.env.printf("Installed the service %s: it runs %s with %s as %s, and keeps its state in %s.\n",
			spec.Name, spec.Program, spec.Config, account.Name(), spec.StateDir)
		v.env.printf("Start it: runner service start%s\n", service.NameFlag(spec.Name))
	}
	return nil
}

// checkConfig tells everything that is wrong with the configuration. Tokens
// that only the service's environment has are no errors here.
func (v *serviceVerb) checkConfig(spec service.Spec, file *configfile.File) error {
	wrong := 0
	for _, p := range file.Problems {
		switch {
		case p.Warning:
			v.env.warnf("%s", p)
		case !fromServiceEnvironment(file.Config, p):
			fmt.Fprintln(v.env.Stderr, p)
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%s has %s: nothing was installed", file.Path, count(wrong, "error"))
	}
	variables := v.serviceVariables(spec.Name)
	for _, r := range file.Config.Runners {
		if r.TokenEnv != "" && !variables[r.TokenEnv] {
			v.env.warnf("registration %q: the service needs the variable %s (token_env): %s", r.Name, r.TokenEnv, v.howToSet(spec.Name))
		}
		for _, registry := range r.Docker.Registries {
			if name := registry.PasswordEnv; name != "" && !variables[name] {
				v.env.warnf("registration %q: the service needs the variable %s (password_env): %s", r.Name, name, v.howToSet(spec.Name))
			}
		}
	}
	return nil
}

// fromServiceEnvironment tells whether a problem is that a variable is not set
// here, which the service may have.
func fromServiceEnvironment(config *common.Config, p common.Problem) bool {
	if p.Runner < 0 || p.Runner >= len(config.Runners) {
		return false
	}
	r := config.Runners[p.Runner]
	switch p.Key {
	case "runners.token_env", "runners.docker.registries.password_env":
		return true
	case "runners.token_file":
		return isCredential(r.TokenFile)
	case "runners.docker.registries.password_file":
		// Another registry's file may be meant: checkFiles looks at those.
		return slices.ContainsFunc(r.Docker.Registries, func(registry common.RegistryConfig) bool {
			return isCredential(registry.PasswordFile)
		})
	}
	return false
}

// isCredential tells whether the file of a token or a password is a systemd
// credential, which only the service sees.
func isCredential(file string) bool {
	return strings.HasPrefix(file, "$CREDENTIALS_DIRECTORY") || strings.HasPrefix(file, "${CREDENTIALS_DIRECTORY}")
}

// serviceVariables gives the names that the service's environment file sets.
func (v *serviceVerb) serviceVariables(name string) map[string]bool {
	names := map[string]bool{}
	file, err := os.Open(v.host.Manager.EnvironmentFile(name))
	if err != nil {
		return names // it need not be there
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if variable, _, found := strings.Cut(lines.Text(), "="); found {
			names[strings.TrimSpace(variable)] = true
		}
	}
	return names
}

func (v *serviceVerb) howToSet(name string) string {
	if path := v.host.Manager.EnvironmentFile(name); path != "" {
		return "write it into " + path + ", mode 0600"
	}
	return "set it for the service, or use token_file"
}

// checkFiles refuses what others could change, and what the service's user
// could not use.
func (v *serviceVerb) checkFiles(ctx context.Context, spec service.Spec, config *common.Config, account service.Account) error {
	for _, path := range []string{spec.Program, spec.Config} {
		if err := account.CheckProtected(path); err != nil {
			return err
		}
	}
	if err := account.CheckRunnable(ctx, spec.Program); err != nil {
		return err
	}
	readable := []string{spec.Config}
	for _, r := range config.Runners {
		if r.TokenFile != "" && !isCredential(r.TokenFile) {
			readable = append(readable, r.TokenFile)
		}
		for _, registry := range r.Docker.Registries {
			if registry.PasswordFile != "" && !isCredential(registry.PasswordFile) {
				readable = append(readable, registry.PasswordFile)
			}
		}
		if r.TLSCAFile != "" {
			readable = append(readable, r.TLSCAFile)
		}
	}
	seen := map[string]bool{}
	for _, path := range readable {
		if seen[path] {
			continue
		}
		seen[path] = true
		if err := account.CheckReadable(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// checkJobUsers refuses that jobs run as root unless somebody says that they
// shall, and that they run as users whom the service cannot become.
func checkJobUsers(spec service.Spec, config *common.Config, account service.Account) error {
	var asRoot []string
	for _, r := range config.Runners {
		user := r.Shell.User
		if account.IsRoot() {
			if usesHost(r) && user == "" {
				asRoot = append(asRoot, r.Name)
			}
			continue
		}
		if user != "" && user != account.Name() {
			return fmt.Errorf("registration %q: its jobs are to run as user %s ([runners.shell] user), which only root can do: leave --user %s or user out", r.Name, user, account.Name())
		}
	}
	if len(asRoot) > 0 && spec.User == "" {
		return errors.New("jobs of " + strings.Join(asRoot, ", ") + " would run as root: run the service as another user (--user USER), give them one in [runners.shell] (user), or say --user root if that is meant")
	}
	return nil
}

// warnOfSharedUser tells that jobs may read what the service reads.
func (v *serviceVerb) warnOfSharedUser(config *common.Config, account service.Account) {
	if account.IsRoot() || !slices.ContainsFunc(config.Runners, usesHost) {
		return
	}
	v.env.warnf("jobs on the host run as %s too and can read the runner's tokens: where jobs are not to be trusted, run the service as root and name the user of jobs in [runners.shell]", account.Name())
}

// usesHost tells whether jobs of a registration can run on the host.
func usesHost(r *common.RunnerConfig) bool {
	if r.Executor == "shell" {
		return true
	}
	for _, label := range r.ParsedLabels() {
		if label.Scheme == "host" {
			return true
		}
	}
	return false
}

// otherUsers tells whether jobs run as users who have to get through the state
// directory to their workspaces.
func otherUsers(config *common.Config) bool {
	for _, r := range config.Runners {
		if r.Shell.User != "" {
			return true
		}
	}
	return false
}
