package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"

	"multirunner/common"
)

// options applies the workflow's options.
func (m *maker) options() {
	found, err := Parse(m.req.Container.Options)
	if err != nil {
		m.fail("options", "%v", err)
		return
	}
	table := map[string]option{}
	for _, known := range knownOptions() {
		table[known.name] = known
	}
	for _, o := range found {
		if err := m.option(table[o.Name], o.Value); err != nil {
			m.fail("options", "--%s: %v", shownOption(o), err)
		}
	}
	m.checkHealth()
}

// shownOption is an option in a row, without a value that may be secret.
func shownOption(o Option) string {
	switch o.Name {
	case "env", "health-cmd":
		name, _, _ := strings.Cut(o.Value, "=")
		return o.Name + " " + shown(name)
	}
	if o.Value == "true" {
		return o.Name
	}
	return o.Name + "=" + shown(o.Value)
}

func (m *maker) option(known option, value string) error {
	switch {
	case known.boolean && value == "false" && (known.guard != nil || known.apply == nil):
		return nil
	case known.never != "":
		return errors.New(known.never)
	case known.apply == nil:
		m.note("options", "--%s %s", known.name, known.why)
		return nil
	case known.guard != nil:
		if canonical, guarded := known.guard(value); guarded {
			if err := m.allowed(known.name, canonical); err != nil {
				return err
			}
		}
	}
	return known.apply(m, value)
}

func hasSpace(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func setWord(to *string, value string) error {
	if value == "" || hasSpace(value) {
		return errors.New("is empty or has white space in it")
	}
	*to = value
	return nil
}

func appendWord(to *[]string, value string) error {
	var word string
	if err := setWord(&word, value); err != nil {
		return err
	}
	*to = append(*to, word)
	return nil
}

// setPair reads KEY=VALUE.
func setPair(to *map[string]string, value string) error {
	key, rest, found := strings.Cut(value, "=")
	if !found || key == "" || hasSpace(key) {
		return errors.New("is not NAME=VALUE")
	}
	if *to == nil {
		*to = map[string]string{}
	}
	(*to)[key] = rest
	return nil
}

var hostName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$`)

func setHostName(to *string, value string) error {
	if !hostName.MatchString(value) || len(value) > 253 {
		return errors.New("is not the name of a host")
	}
	*to = value
	return nil
}

func (m *maker) addHost(value string) error {
	name, address, err := common.SplitExtraHost(value)
	if err == nil {
		m.out.Host.ExtraHosts = append(m.out.Host.ExtraHosts, name+":"+address)
	}
	return err
}

func (m *maker) addDNS(value string) error {
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return errors.New("is not an IP address")
	}
	m.out.Host.DNS = append(m.out.Host.DNS, addr)
	return nil
}

var aliasForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

func (m *maker) addAlias(value string) error {
	if !aliasForm.MatchString(value) {
		return errors.New("is not a name: letters, digits, and - _ . between them")
	}
	if !slices.Contains(m.out.Endpoint.Aliases, value) {
		m.out.Endpoint.Aliases = append(m.out.Endpoint.Aliases, value)
	}
	return nil
}

// setName gives the container one more name in the job's network. Those of the
// engine are for all jobs of the machine.
func (m *maker) setName(value string) error {
	if err := m.addAlias(value); err != nil {
		return err
	}
	m.note("options", "--name %s is a name in the job's network only", value)
	return nil
}

func (m *maker) addLabel(value string) error {
	key, rest, _ := strings.Cut(value, "=")
	switch {
	case key == "" || hasSpace(key):
		return errors.New("has no name, or one with white space")
	case strings.HasPrefix(strings.ToLower(key), LabelPrefix):
		return fmt.Errorf("labels that begin with %s are the runner's own", LabelPrefix)
	}
	m.out.Config.Labels[key] = rest
	return nil
}

func (m *maker) addAnnotation(value string) error {
	return setPair(&m.out.Host.Annotations, value)
}

func (m *maker) setEntrypoint(value string) error {
	if m.req.Kind != Service {
		return errors.New("the container of a job starts with the runner's own program, and only services can have another")
	}
	m.out.Config.Entrypoint = []string{value}
	return nil
}

// setInit is for services: in a job's container the runner's program is that
// init already.
func (m *maker) setInit(value string) error {
	if m.req.Kind == Service {
		on := value == "true"
		m.out.Host.Init = &on
	}
	return nil
}

func (m *maker) setStopSignal(value string) error {
	if !signalForm.MatchString(value) {
		return errors.New("is not a signal, write for example SIGTERM")
	}
	m.out.Config.StopSignal = value
	return nil
}

var signalForm = regexp.MustCompile(`^(?i)((SIG)?[A-Z][A-Z0-9+-]*|[0-9]{1,2})$`)

func (m *maker) setWorkdir(value string) error {
	if !path.IsAbs(value) {
		return errors.New("is not an absolute path")
	}
	m.out.Config.WorkingDir = value
	return nil
}

func (m *maker) setUmask(value string) error {
	n, err := strconv.ParseUint(value, 8, 32)
	if err != nil || n > 0o777 {
		return errors.New("is not an octal mask, write for example 022")
	}
	mask := uint32(n)
	m.out.Host.Umask = &mask
	return nil
}

var platformForm = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$`)

func (m *maker) setPlatform(value string) error {
	if !platformForm.MatchString(value) {
		return errors.New("is not os/arch[/variant], write for example linux/arm64")
	}
	m.out.Platform = value
	return nil
}

// setPull takes the words of `docker create`. A workflow may ask for more than
// the operator's policy, never for less: an image that is here may be one that
// only somebody else has the password for.
func (m *maker) setPull(value string) error {
	word, known := map[string]string{"always": common.PullAlways, "missing": common.PullIfNotPresent, "never": common.PullNever}[value]
	switch {
	case !known:
		return errors.New("is none of always, missing and never")
	case word != common.PullAlways && !slices.Contains(m.docker.PullPolicy, word):
		return fmt.Errorf("not allowed on this runner (pull_policy in [runners.docker] is %s)", strings.Join(m.docker.PullPolicy, ", "))
	}
	m.out.Pull = common.PullPolicy{word}
	return nil
}

func (m *maker) setRestart(value string) error {
	name, count, _ := strings.Cut(value, ":")
	policy := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if count != "" {
		n, err := strconv.Atoi(count)
		if err != nil {
			return errors.New("has no number behind the colon")
		}
		policy.MaximumRetryCount = n
	}
	if err := container.ValidateRestartPolicy(policy); err != nil {
		return err
	}
	m.out.Host.RestartPolicy = policy
	return nil
}

func (m *maker) addSecurityOpt(value string) error {
	if strings.HasPrefix(value, "seccomp=") && value != "seccomp=unconfined" && value != "seccomp=builtin" {
		return errors.New("the file of a profile would be one of this machine: write seccomp=unconfined")
	}
	return appendWord(&m.out.Host.SecurityOpt, value)
}
