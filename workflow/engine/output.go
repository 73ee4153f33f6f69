package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"multirunner/helpers/mask"
	"multirunner/workflow/command"
)

// stepOutput takes what the processes of one phase write: commands are obeyed,
// everything else is logged.
type stepOutput struct {
	r *stepRun
	// jobPath translates paths that the processes tell, who see other ones than
	// the job's commands; nil when they see the same.
	jobPath func(string) string

	mu      sync.Mutex // one line at a time, of both streams
	scanner command.Scanner
	echo    bool // show the commands that are obeyed
	failed  bool // one could not be obeyed
}

func newStepOutput(r *stepRun) *stepOutput {
	r.job.matchers.Reset()
	return &stepOutput{r: r, echo: r.job.debug}
}

// stream gives a writer for one stream of a process.
func (o *stepOutput) stream() *lineWriter {
	return &lineWriter{mu: &o.mu, sink: o, rows: o.r.job.rows}
}

// hasFailed tells whether a command could not be obeyed, which fails the step.
func (o *stepOutput) hasFailed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

// line implements lineSink.
func (o *stepOutput) line(at time.Time, text string) {
	defer o.r.job.recover("the output of a step")
	c, ok := o.scanner.Scan(text)
	if !ok {
		o.plain(at, text)
		return
	}
	if o.echo && echoes(c.Name) {
		o.r.job.rows.write(at, text)
	}
	if err := o.obey(at, c); err != nil {
		o.failed = true
		o.r.job.rows.fault(err.Error())
	}
}

// refuses implements lineSink: half of a command must neither be obeyed nor
// shown, it may hold a secret. Messages are shown as they are written, which
// viewers understand too.
func (o *stepOutput) refuses(start string) bool {
	if o.scanner.Stopped() {
		return false
	}
	c, ok := command.Parse(start)
	if !ok {
		return false
	}
	switch c.Name {
	case command.Debug:
		return !o.r.job.debug
	case command.Error, command.Warning, command.Notice, command.Group, command.EndGroup:
		return false
	}
	o.failed = true
	o.r.job.rows.fault(fmt.Sprintf("The command %s is longer than 1MiB and is not obeyed: hand over large values in a file.", c.Name))
	return true
}

// echoes tells which commands are shown when echo is on. The others show
// themselves in a form of their own, or are for the runner only.
func echoes(name command.Name) bool {
	switch name {
	case command.AddMask, command.Debug, command.Error, command.Notice, command.Warning,
		command.Group, command.EndGroup, command.AddMatcher, command.RemoveMatcher,
		command.StopCommands, command.Resume:
		return false
	}
	return true
}

func (o *stepOutput) obey(at time.Time, c command.Command) error {
	switch c.Name {
	case command.AddMask:
		return o.addMask(at, c.Data)
	case command.Error, command.Warning, command.Notice:
		if file := c.Property("file"); file != "" && o.jobPath != nil {
			c = c.With("file", o.r.job.paths().Relative(o.jobPath(file), ""))
		}
		o.annotate(at, c)
	case command.Debug:
		if o.r.job.debug {
			o.tagged(at, c.Name, c.Data)
		}
	case command.Group:
		o.r.job.rows.write(at, "##[group]"+strings.ReplaceAll(c.Data, "\n", " "))
	case command.EndGroup:
		o.r.job.rows.write(at, "##[endgroup]")
	case command.Echo:
		return o.setEcho(c.Data)
	case command.StopCommands:
		return o.stop(c.Data)
	case command.SetOutput:
		return named(c, o.r.setOutput)
	case command.SaveState:
		return named(c, o.r.saveState)
	case command.SetEnv:
		return o.setEnv(c)
	case command.AddPath:
		return o.addPath(c)
	case command.AddMatcher:
		return o.addMatchers(at, c.Data)
	case command.RemoveMatcher:
		return o.removeMatchers(c)
	case command.Resume:
		// The scanner has done it.
	}
	return nil
}

// tagged logs a message with its tag before each of its lines.
func (o *stepOutput) tagged(at time.Time, name command.Name, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		o.r.job.rows.write(at, "##["+string(name)+"]"+strings.TrimSuffix(line, "\r"))
	}
}

func (o *stepOutput) addMask(at time.Time, value string) error {
	if strings.TrimSpace(value) == "" {
		o.r.job.rows.warn("add-mask was given no value: nothing is masked by it.")
		return nil
	}
	switch o.r.job.masker.Add(value) {
	case mask.Plain:
		o.r.job.rows.warn(fmt.Sprintf("add-mask: the value of %d bytes, or a line of it, is masked as it is, but not in other forms such as base64: it is too large, or the job masks too much.", len(value)))
	case mask.None:
		return fmt.Errorf("the command add-mask cannot mask the value of %d bytes, or not all of it: the job masks as much as this runner can look for", len(value))
	}
	if o.echo {
		o.r.job.rows.write(at, "::add-mask::***")
	}
	return nil
}

func (o *stepOutput) setEcho(value string) error {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "on":
		o.echo = true
	case "off":
		o.echo = false
	default:
		return fmt.Errorf("the command echo takes on or off, not %q", value)
	}
	return nil
}

// stop pauses commands. The token is masked, so that the log does not tell
// untrusted output how to end the pause; very short ones would mask too much
// (GitHub: ActionCommandManager.cs).
func (o *stepOutput) stop(token string) error {
	if err := o.scanner.Stop(token); err != nil {
		return err
	}
	if len(token) > 6 {
		o.r.job.masker.Add(token)
	}
	return nil
}

// named hands the value of a command that needs a name to use.
func named(c command.Command, use func(name, value string)) error {
	name := c.Property("name")
	if name == "" {
		return fmt.Errorf("the command %s has no name: write ::%s name=NAME::VALUE", c.Name, c.Name)
	}
	use(name, c.Data)
	return nil
}

func (o *stepOutput) setEnv(c command.Command) error {
	if !o.r.unsecure() {
		return switchedOff(c.Name, "GITHUB_ENV")
	}
	if guarded(c.Property("name")) {
		o.r.job.rows.fault("The command set-env cannot set " + c.Property("name") + ": it is ignored.")
		return nil
	}
	return named(c, o.r.setEnv)
}

func (o *stepOutput) addPath(c command.Command) error {
	if !o.r.unsecure() {
		return switchedOff(c.Name, "GITHUB_PATH")
	}
	if c.Data == "" {
		return errors.New("the command add-path has no directory: write ::add-path::DIRECTORY")
	}
	o.r.addPath(o.path(c.Data))
	return nil
}

func switchedOff(name command.Name, file string) error {
	return fmt.Errorf("the command %s is switched off, because any output could give it: write to the file in $%s instead, or set ACTIONS_ALLOW_UNSECURE_COMMANDS to true", name, file)
}

// path gives a path that the processes tell as the job's commands call it.
func (o *stepOutput) path(told string) string {
	if o.jobPath == nil {
		return told
	}
	return o.jobPath(told)
}
