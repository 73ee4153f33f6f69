package common

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"multirunner/helpers/suggest"
)

// knownExecutors are the words that a file may name. Whether this build and
// this machine have them is for the executors to say. "dummy" runs nothing:
// it is there for tests.
var knownExecutors = []string{"shell", "docker", "dummy"}

// uuidMax is what a uuid may have: it becomes the name of a file, and goes into
// a header.
const uuidMax = 64

// registration is the validation of one registration.
type registration struct {
	*validation
	index int
	*RunnerConfig
}

func (v *validation) runner(i int) {
	r := registration{v, i, v.config.Runners[i]}
	r.identity()
	r.credentials()
	r.labels()
	r.numbers()
	r.environment()
	r.files()
	r.docker()
}

// bad adds a problem that keeps the registration from working. key is below
// runners.
func (r registration) bad(key, format string, args ...any) {
	r.add(Problem{Runner: r.index, Key: "runners." + key, Message: fmt.Sprintf(format, args...)})
}

func (r registration) warn(key, format string, args ...any) {
	r.add(Problem{Runner: r.index, Key: "runners." + key, Message: fmt.Sprintf(format, args...), Warning: true})
}

func (r registration) identity() {
	switch {
	case r.Name == "":
		r.bad("name", "missing: give the registration a name of its own")
	case strings.TrimSpace(r.Name) != r.Name || strings.ContainsFunc(r.Name, isControl):
		r.bad("name", "%q has white space around it or control characters", r.Name)
	}
	if message := checkURL(r.URL); message != "" {
		r.bad("url", "%s", message)
	}
	switch {
	case r.UUID == "":
		r.bad("uuid", "missing: `runner register` writes it")
	case !IsPlainName(r.UUID, uuidMax):
		r.bad("uuid", "%q is not the uuid of a runner, which has only letters, digits and dashes", r.UUID)
	}
	if !slices.Contains(knownExecutors, r.Executor) {
		r.add(Problem{
			Runner: r.index, Key: "runners.executor", Suggestion: suggest.Nearest(r.Executor, knownExecutors),
			Message: fmt.Sprintf("%q is not an executor, write shell or docker", r.Executor),
		})
	}
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// checkURL gives what is wrong with an instance's URL, or "". A password in
// it is not repeated.
func checkURL(text string) string {
	const example = "write for example https://git.example.org"
	if text == "" {
		return "missing: " + example
	}
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return "is not a URL, " + example
	case u.User != nil:
		return "has a user or password in it: write it without"
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("%q is not the URL of a server, %s", text, example)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Sprintf("%q has a query or a fragment, %s", text, example)
	}
	return ""
}

func (r registration) credentials() {
	var given []string
	if !r.Token.IsZero() {
		given = append(given, "token")
	}
	if r.TokenFile != "" {
		given = append(given, "token_file")
	}
	if r.TokenEnv != "" {
		given = append(given, "token_env")
	}
	switch len(given) {
	case 0:
		r.bad("token", "missing: write token, token_file or token_env")
	case 1:
	default:
		r.bad(given[1], "%s are both set, keep one of token, token_file and token_env", strings.Join(given, " and "))
	}
	if strings.ContainsFunc(r.Token.Reveal(), isControl) {
		r.bad("token", "has control characters in it")
	}
}

func (r registration) labels() {
	if len(r.Labels) == 0 {
		r.warn("labels", "none: only jobs without runs-on come here, write for example [\"linux:host\"]")
	}
	first := map[string]Label{}
	for j, text := range r.Labels {
		key := fmt.Sprintf("labels[%d]", j)
		label, err := ParseLabel(text)
		if err != nil {
			r.atElement("labels", key, false, "%s", err)
			continue
		}
		if label.Scheme == "" && strings.Contains(text, "://") {
			r.atElement("labels", key, true, "%q has no known scheme, so all of it is the label's name: write NAME:host or NAME:docker://IMAGE", text)
		}
		switch before, seen := first[label.Name]; {
		case !seen:
			first[label.Name] = label
		case before == label:
			r.atElement("labels", key, true, "%q is there twice", text)
		default:
			r.atElement("labels", key, false, "%q and %q have one name, so it is open where its jobs run: keep one", before, text)
		}
	}
}

// atElement adds a problem that shows the list's key and the element's line.
func (r registration) atElement(key, element string, warning bool, format string, args ...any) {
	r.add(Problem{
		Runner: r.index, Key: "runners." + key, Message: fmt.Sprintf(format, args...), Warning: warning,
		Line: r.line(runnerPath(r.index, "runners."+element)),
	})
}

func (r registration) numbers() {
	if r.Limit < 0 {
		r.bad("limit", "is %d, must not be negative (0 is no limit)", r.Limit)
	}
	if !isPositive(r.Weight) {
		r.bad("weight", "is %v, must be a number above 0", r.Weight)
	}
	if r.JobTimeout <= 0 {
		r.bad("job_timeout", "is %s, must be above 0", r.JobTimeout)
	}
	if r.Shell.GracefulKillTimeout < 0 {
		r.bad("shell.graceful_kill_timeout", "is %s, must not be negative", r.Shell.GracefulKillTimeout)
	}
	if r.Shell.ForceKillTimeout < 0 {
		r.bad("shell.force_kill_timeout", "is %s, must not be negative", r.Shell.ForceKillTimeout)
	}
}

// environment does not repeat entries: their values may be secret.
func (r registration) environment() {
	for j, entry := range r.Environment {
		name, _, found := strings.Cut(entry, "=")
		if !found || name == "" || strings.ContainsRune(entry, 0) {
			r.atElement("environment", fmt.Sprintf("environment[%d]", j), false, "entry %d is not NAME=VALUE", j+1)
		}
	}
	for j, name := range r.Shell.PassEnvironment {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			r.atElement("shell.pass_environment", fmt.Sprintf("shell.pass_environment[%d]", j), false, "entry %d is not the name of a variable", j+1)
		}
	}
}

func (r registration) files() {
	if r.InsecureSkipVerify && r.TLSCAFile != "" {
		r.warn("tls_ca_file", "has no effect beside insecure_skip_verify")
	}
	for _, hook := range []struct{ key, path string }{
		{"hooks.job_started", r.Hooks.JobStarted}, {"hooks.job_completed", r.Hooks.JobCompleted},
	} {
		if hook.path != "" && !filepath.IsAbs(hook.path) {
			r.bad(hook.key, "%q is not an absolute path", hook.path)
		}
	}
}

// duplicates reports each registration and each name that is there before.
func (v *validation) duplicates() {
	names, ids := map[string]int{}, map[RegistrationID]int{}
	for i, r := range v.config.Runners {
		if first, seen := ids[r.ID()]; seen && r.UUID != "" {
			v.duplicate(i, first, "uuid", "the same registration (url and uuid)")
		} else if !seen {
			ids[r.ID()] = i
		}
		if first, seen := names[r.Name]; seen && r.Name != "" {
			v.duplicate(i, first, "name", fmt.Sprintf("the same name, %q,", r.Name))
		} else if !seen {
			names[r.Name] = i
		}
	}
}

func (v *validation) duplicate(i, first int, key, what string) {
	path := func(runner int) string { return runnerPath(runner, "runners."+key) }
	where, here := path(first), ""
	if line := v.line(path(first)); line > 0 {
		where = fmt.Sprintf("line %d", line)
	}
	if line := v.line(path(i)); line > 0 {
		here = fmt.Sprintf(" here, in line %d", line)
	}
	v.add(Problem{
		Runner: i, Key: "runners." + key,
		Message: fmt.Sprintf("%s is in %s and again%s: change or remove one", what, where, here),
	})
}

// ParsedLabels gives the labels that can be read, in order.
func (r *RunnerConfig) ParsedLabels() []Label {
	labels := make([]Label, 0, len(r.Labels))
	for _, text := range r.Labels {
		if label, err := ParseLabel(text); err == nil {
			labels = append(labels, label)
		}
	}
	return labels
}
