package engine

import (
	"errors"
	"fmt"
	"strings"

	"multirunner/common"
	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// imageScheme may stand before the name of an image.
const imageScheme = "docker://"

// require tells the executor which containers the job asks for. A job that
// asks for some where there are none fails, rather than run in a place that it
// did not ask for.
func (j *Job) require() error {
	asked, err := j.askedContainers()
	if err != nil {
		return err
	}
	if j.engine == nil {
		return j.refuseContainers(asked)
	}
	if err := j.engine.Require(asked); err != nil {
		// There may be a line for each thing that is refused.
		job := fmt.Sprintf("job %q: ", j.def.ID)
		return errors.New(job + strings.ReplaceAll(err.Error(), "\n", "\n"+job))
	}
	j.asked = asked
	j.knowPlace()
	return nil
}

func (j *Job) refuseContainers(asked common.JobContainers) error {
	refused := func(what, key string) error {
		return fmt.Errorf("job %q %s (%s): the %s executor of this runner runs steps on the host only", j.def.ID, what, key, j.spec.Executor)
	}
	switch {
	case asked.Job != nil:
		return refused("runs in a container", "container")
	case len(asked.Services) > 0:
		return refused("needs service containers", "services")
	}
	return nil
}

// settle takes over what is known of the place once it is made.
func (j *Job) settle() {
	if j.engine == nil {
		return
	}
	running := j.engine.Containers()
	j.contexts.job = jobPairs(running)
	if running.Container == "" {
		return
	}
	j.inContainer = true
	j.machine.OS, j.machine.Description = osName("linux"), running.System
	if running.Arch != "" {
		j.machine.Arch = archName(running.Arch)
	}
	j.baseEnv = newVariables(j.machine.windows(), 0)
	j.mu.Lock()
	j.env = j.env.folded(j.machine.windows())
	j.mu.Unlock()
	j.knowPlace()
	system := strings.TrimSpace(j.machine.OS + " " + j.machine.Arch)
	if running.System != "" {
		system += ", " + running.System
	}
	j.rows.say("System of the job's container: " + system)
}

// jobPairs are the parts of the job context that Prepare has made. A job
// without containers has none of them.
func jobPairs(running common.RunningContainers) []expression.Pair {
	var pairs []expression.Pair
	var own []expression.Pair
	if running.Container != "" {
		own = pairsOf("id", running.Container)
	}
	if running.Network != "" {
		own = append(own, pairsOf("network", running.Network)...)
	}
	if own != nil {
		pairs = append(pairs, expression.Pair{Key: "container", Value: expression.NewObject(own...)})
	}
	var services []expression.Pair
	for _, s := range running.Services {
		services = append(services, expression.Pair{Key: s.ID, Value: expression.NewObject(append(
			pairsOf("id", s.Container, "network", running.Network),
			expression.Pair{Key: "ports", Value: textObject(s.Ports)},
		)...)})
	}
	if services != nil {
		pairs = append(pairs, expression.Pair{Key: "services", Value: expression.NewObject(services...)})
	}
	return pairs
}

// askedContainers evaluates container and services. One without an image is
// none, so that an expression can decide whether there is one (GitHub:
// PipelineTemplateConverter.cs).
func (j *Job) askedContainers() (common.JobContainers, error) {
	var asked common.JobContainers
	own, err := j.written(j.def.Container)
	if err != nil {
		return asked, err
	}
	if asked.Job, err = own.container(""); err != nil {
		return asked, err
	}
	services, err := j.written(j.def.Services)
	if err != nil {
		return asked, err
	}
	if services.none() {
		return asked, nil
	}
	if services.value.Kind() != expression.KindObject {
		return asked, services.errorf("must be a mapping, not a value of type %s", services.value.Kind())
	}
	for _, id := range services.value.Keys() {
		part := services.get(id)
		if !isAlias(id) {
			return asked, part.errorf("is the name that the service's container has in its network: letters, digits, - . and _, and not %.40q", id)
		}
		service, err := part.container(id)
		if err != nil {
			return asked, err
		}
		if service == nil {
			j.rows.say(fmt.Sprintf("The service %s is left out: its image is empty.", id))
			continue
		}
		asked.Services = append(asked.Services, *service)
	}
	return asked, nil
}

// isAlias knows the names that a container can have in a network.
func isAlias(id string) bool {
	for i, c := range []byte(id) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '.') {
			return false
		}
	}
	return id != "" && len(id) <= 63
}

// container gives the container that the value describes: by its image, or by
// a mapping. It is nil when the image is empty.
func (w written) container(id string) (*common.Container, error) {
	image := w
	isMapping := w.value.Kind() == expression.KindObject
	if isMapping {
		image = w.get("image")
	}
	if image.none() {
		return nil, nil
	}
	c := &common.Container{ID: id}
	var err error
	if c.Image, err = image.text(); err != nil {
		return nil, err
	}
	c.Image = strings.TrimPrefix(strings.TrimSpace(c.Image), imageScheme)
	if c.Image == "" || !isMapping {
		return nilIf(c.Image == "", c), nil
	}
	read := func(key string, take func(written) error) {
		if err == nil {
			err = take(w.get(key))
		}
	}
	read("credentials", func(part written) error { return part.credentials(c) })
	read("env", func(part written) (err error) { c.Env, err = part.environ(); return })
	read("ports", func(part written) (err error) { c.Ports, err = part.texts(); return })
	read("volumes", func(part written) (err error) { c.Volumes, err = part.texts(); return })
	read("options", func(part written) (err error) { c.Options, err = part.text(); return })
	if id != "" {
		read("entrypoint", func(part written) (err error) { c.Entrypoint, err = part.commandLine(); return })
		read("cmd", func(part written) (err error) { c.Command, err = part.commandLine(); return })
		read("command", func(part written) error {
			line, err := part.commandLine()
			if line != "" {
				c.Command = line
			}
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func nilIf(none bool, c *common.Container) *common.Container {
	if none {
		return nil
	}
	return c
}

// credentials takes a user's name and password for the image's registry. A
// password is masked whether it was a secret or not. Pull requests of forks
// have no secrets: half of the credentials are none, and a row says so.
func (w written) credentials(c *common.Container) error {
	if w.none() {
		return nil
	}
	if w.value.Kind() != expression.KindObject {
		return w.errorf("must be a mapping with username and password, not a value of type %s", w.value.Kind())
	}
	username, err := w.get("username").text()
	if err != nil {
		return err
	}
	password, err := w.get("password").text()
	if err != nil {
		return err
	}
	if password != "" {
		w.job.masker.Add(password)
	}
	if username == "" || password == "" {
		missing := "username"
		if username != "" {
			missing = "password"
		}
		w.job.rows.warn(w.errorf("the %s is empty: the image %s is pulled without them", missing, c.Image).Error())
		return nil
	}
	c.Username, c.Password = username, common.NewSecret(password)
	return nil
}

// written is a value of the workflow with what it evaluates to. What an
// expression gave has the place of the expression in errors, and its own path
// below that.
type written struct {
	job   *Job
	at    model.Value
	below string
	value expression.Value
}

func (j *Job) written(v model.Value) (written, error) {
	got, err := v.Eval(j.scope(inContainer, nil))
	return written{job: j, at: v, value: got}, err
}

// none tells whether the value stands for nothing, as an expression may do.
func (w written) none() bool {
	kind := w.value.Kind()
	return kind != expression.KindObject && kind != expression.KindArray && !w.value.Truthy()
}

func (w written) get(key string) written {
	value, _ := w.value.Get(key)
	if child := w.at.Get(key); w.below == "" && !child.IsZero() {
		return written{job: w.job, at: child, value: value}
	}
	return written{job: w.job, at: w.at, below: strings.TrimPrefix(w.below+"."+key, "."), value: value}
}

func (w written) items() []written {
	var items []written
	own := w.at.Items()
	for i, value := range w.value.Items() {
		item := written{job: w.job, at: w.at, below: fmt.Sprintf("%s[%d]", w.below, i), value: value}
		if w.below == "" && i < len(own) {
			item.at, item.below = own[i], ""
		}
		items = append(items, item)
	}
	return items
}

func (w written) errorf(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if w.below != "" {
		text = w.below + " " + text
	}
	return w.at.Errorf("%s", text)
}

// text gives a scalar. One without an expression is the text as written: an
// image of the version 1.10 is not one of 1.1.
func (w written) text() (string, error) {
	if kind := w.value.Kind(); kind == expression.KindArray || kind == expression.KindObject {
		return "", w.errorf("must be a text, not a value of type %s", kind)
	}
	if w.below == "" && !w.at.IsExpression() {
		return w.at.Text(), nil
	}
	return w.value.Text(), nil
}

// texts gives a list. What is empty in it is left out: an expression may have
// decided that it is not wanted.
func (w written) texts() ([]string, error) {
	if w.none() {
		return nil, nil
	}
	if w.value.Kind() != expression.KindArray {
		return nil, w.errorf("must be a list, not a value of type %s", w.value.Kind())
	}
	var texts []string
	for _, item := range w.items() {
		text, err := item.text()
		if err != nil {
			return nil, err
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts, nil
}

// commandLine gives a text, or a list as a text that is split into it again.
func (w written) commandLine() (string, error) {
	if w.value.Kind() != expression.KindArray {
		return w.text()
	}
	var words []string
	for _, item := range w.items() {
		word, err := item.text()
		if err != nil {
			return "", err
		}
		words = append(words, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word)+`"`)
	}
	return strings.Join(words, " "), nil
}

// environ gives a mapping as K=V. Names keep their case: HTTP_PROXY and
// http_proxy are two.
func (w written) environ() ([]string, error) {
	if w.none() {
		return nil, nil
	}
	var pairs []model.Pair
	var err error
	if w.below == "" {
		pairs, err = w.at.EvalMap(w.job.scope(inContainer, nil))
	} else {
		pairs, err = w.pairs()
	}
	if err != nil {
		return nil, err
	}
	env := make([]string, len(pairs))
	for i, p := range pairs {
		if p.Key == "" || strings.ContainsAny(p.Key, "=\x00") || strings.Contains(p.Value, "\x00") {
			return nil, w.errorf("has the variable %.80q, which no process can have: a name has no equal sign and is not empty, nothing has a zero byte", p.Key)
		}
		env[i] = p.Key + "=" + p.Value
	}
	return env, nil
}

func (w written) pairs() ([]model.Pair, error) {
	if w.value.Kind() != expression.KindObject {
		return nil, w.errorf("must be a mapping, not a value of type %s", w.value.Kind())
	}
	var pairs []model.Pair
	for _, key := range w.value.Keys() {
		value, err := w.get(key).text()
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, model.Pair{Key: key, Value: value})
	}
	return pairs, nil
}
