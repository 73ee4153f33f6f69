package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"multirunner/common"
	"multirunner/helpers/bounded"
	"multirunner/helpers/sigmask"
)

// CheckVerb is the hidden verb that tells whether a program can take over.
const CheckVerb = "upgrade-check"

const (
	// checkPatience is how long the program on disk may take to answer.
	checkPatience = 30 * time.Second
	maxAnswer     = 16 << 20
	maxComplaint  = 4 << 10
)

// Answer is what a program says that is asked whether it can take over.
type Answer struct {
	V       int            `json:"runner_upgrade"` // of the answer
	Version string         `json:"version"`
	Formats map[string]int `json:"formats"`
	// Config is the configuration's path, StateDir the state directory that it
	// would serve, Problem why it would not start with it.
	Config   string `json:"config"`
	StateDir string `json:"state_dir"`
	Problem  string `json:"problem,omitempty"`
	// LeftOut are registrations that it would not serve.
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Foreign are files of the state directory that it cannot read.
	Foreign []string `json:"foreign,omitempty"`
}

// LeftOut is a registration that cannot be served, and why.
type LeftOut struct {
	Registration common.RegistrationID `json:"registration"`
	Name         string                `json:"name"`
	Problem      string                `json:"problem"`
}

// answerVersion is the version of an Answer.
const answerVersion = 1

// NewAnswer is this program's, without what depends on configuration and state.
func NewAnswer(version string) Answer {
	return Answer{V: answerVersion, Version: version, Formats: Formats()}
}

// Program is a program on disk.
type Program struct {
	Path string
	Args []string // of `runner run`, without the program's name
	Env  []string
}

// Checked is a program on disk that can take over, as long as it is the same.
type Checked struct {
	Answer
	path string
	file os.FileInfo
}

// Changed tells whether the file is another one by now.
func (c *Checked) Changed() bool {
	now, err := os.Stat(c.path)
	return err != nil || !os.SameFile(now, c.file) || now.Size() != c.file.Size() || !now.ModTime().Equal(c.file.ModTime())
}

// Check asks a program whether it can take over from this one. serves tells
// whether this one serves a registration, with the configuration as it is on
// disk; stateDir is the one that this one has open.
func Check(ctx context.Context, p Program, stateDir string, serves func(common.RegistrationID) bool) (*Checked, error) {
	file, err := os.Stat(p.Path)
	if err != nil {
		return nil, cannotRun(p.Path, err)
	}
	answer, err := ask(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := answer.refusal(stateDir, serves); err != nil {
		return nil, fmt.Errorf("the program on disk (%s, version %s) cannot take over: %w", p.Path, answer.Version, err)
	}
	return &Checked{Answer: answer, path: p.Path, file: file}, nil
}

// refusal is why the program that gave the answer must not take over.
func (a Answer) refusal(stateDir string, serves func(common.RegistrationID) bool) error {
	if err := compatible(Formats(), a.Formats); err != nil {
		return err
	}
	if a.Problem != "" {
		return fmt.Errorf("it cannot use the configuration: %s", a.Problem)
	}
	if a.StateDir != stateDir {
		return fmt.Errorf("with the present configuration its state directory is %s, not %s: restart the runner to change it", a.StateDir, stateDir)
	}
	for _, l := range a.LeftOut {
		if serves(l.Registration) {
			return fmt.Errorf("it would leave out the registration %q: %s", l.Name, l.Problem)
		}
	}
	if len(a.Foreign) > 0 {
		return fmt.Errorf("it cannot read the state: %s", strings.Join(a.Foreign, "; "))
	}
	return nil
}

func ask(ctx context.Context, p Program) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkPatience, errors.New("no answer in time"))
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Path, checkArgs(p.Args)...)
	cmd.Env = p.Env
	cmd.WaitDelay = time.Second
	stdout, stderr := &bounded.Buffer{Most: maxAnswer}, &bounded.Buffer{Most: maxComplaint}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := sigmask.Clear(cmd.Start); err != nil {
		return Answer{}, cannotRun(p.Path, err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		return Answer{}, fmt.Errorf("the program on disk does not work: %s was asked whether it can take over: %w", p.Path, context.Cause(ctx))
	}
	if err != nil {
		return Answer{}, fmt.Errorf("the program on disk does not work: %s was asked whether it can take over: %w%s: "+
			"is it a runner, of this version or a later one?", p.Path, err, lastLine(stderr))
	}
	var answer Answer
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil || answer.V == 0 {
		return Answer{}, fmt.Errorf("%s is no runner: asked whether it can take over it says something else", p.Path)
	}
	return answer, nil
}

// checkArgs are those of the check for a command line of `runner run`: what it
// cannot parse it cannot run with.
func checkArgs(args []string) []string {
	checked := append([]string{}, args...)
	for i, arg := range checked {
		if arg == "run" {
			checked[i] = CheckVerb
			break
		}
	}
	return checked
}

// cannotRun says what is wrong with a file that does not start.
func cannotRun(path string, err error) error {
	hint := "is it made for this machine, and whole?"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "put the program there that the runner is to go on as"
	case errors.Is(err, fs.ErrPermission):
		hint = "the runner's user must be able to run it: chmod 755"
	}
	var path2 *fs.PathError
	if errors.As(err, &path2) {
		err = path2.Err
	}
	return fmt.Errorf("the program on disk cannot be started: %s: %w: %s", path, err, hint)
}

// lastLine is the last thing that was said, for a message.
func lastLine(said *bounded.Buffer) string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(said.String(), "?")), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	if line == "" {
		return ""
	}
	return " (" + line + ")"
}
