package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"multirunner/commands/admin"
	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/helpers/reexec"
	"multirunner/network/jobsock"
)

// Variable tells a program what the one before has left to it. The program
// takes it out of its environment.
const Variable = "MULTIRUNNER_HANDOVER"

// Handover is what one program leaves to the next in the same process.
type Handover struct {
	From      string   // the version before
	Lock      *os.File // of the state directory
	Control   *os.File // its socket; nil without one
	Listeners []admin.Listening
	Children  []reexec.Child
	Runtimes  map[string]jobsock.Runtime // by key of the job; secret
	Stops     []supervisor.StopRequest   // that came and were not obeyed
}

// handover is a Handover in the environment: files by their numbers.
type handover struct {
	V         int                      `json:"v"`
	From      string                   `json:"from"`
	Lock      int                      `json:"lock"`
	Control   int                      `json:"control,omitempty"`
	Listeners []listening              `json:"listeners,omitempty"`
	Children  []reexec.Child           `json:"children,omitempty"`
	Runtimes  int                      `json:"runtimes,omitempty"` // what has it to read
	Stops     []supervisor.StopRequest `json:"stops,omitempty"`
}

type listening struct {
	Key     string `json:"key"`
	Address string `json:"address"`
	File    int    `json:"file"`
}

// runtime is a jobsock.Runtime that travels.
type runtime struct {
	Token string `json:"token"`
	RunID string `json:"run_id"`
	JobID string `json:"job_id"`
}

// Replace runs a program in place of this one, with what this one leaves to
// it. It returns only with an error; h can be used on.
func (h *Handover) Replace(p reexec.Program) error {
	secrets, err := h.secrets()
	if err != nil {
		return err
	}
	keep := []*os.File{h.Lock}
	number := func(f *os.File) int {
		if f == nil {
			return 0
		}
		keep = append(keep, f)
		return int(f.Fd())
	}
	told := handover{
		V: handoverVersion, From: h.From, Lock: int(h.Lock.Fd()), Control: number(h.Control), Children: h.Children,
		Runtimes: number(secrets), Stops: h.Stops,
	}
	for _, l := range h.Listeners {
		told.Listeners = append(told.Listeners, listening{Key: l.Key, Address: l.Address, File: number(l.File)})
	}
	text, err := json.Marshal(told)
	if err == nil {
		p.Env = append(p.Env, Variable+"="+string(text))
		err = reexec.Replace(p, keep)
	}
	if secrets != nil {
		err = errors.Join(err, secrets.Close())
	}
	return err
}

// secrets gives a file to read the runtimes from that is on no disk; nil when
// there are none.
func (h *Handover) secrets() (*os.File, error) {
	if len(h.Runtimes) == 0 {
		return nil, nil
	}
	travelling := map[string]runtime{}
	for key, r := range h.Runtimes {
		travelling[key] = runtime{Token: r.Token.Reveal(), RunID: r.RunID, JobID: r.JobID}
	}
	data, err := json.Marshal(travelling)
	if err != nil {
		return nil, err
	}
	return reexec.Memory(data)
}

// Inherit reads and removes what the program before has left; nil without one.
// What it says is in the error can be done without: then the Handover is there
// as well.
func Inherit(getenv func(string) string, unsetenv func(string) error) (*Handover, error) {
	text := getenv(Variable)
	if text == "" {
		return nil, nil
	}
	if err := unsetenv(Variable); err != nil {
		return nil, err
	}
	var told handover
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		return nil, fmt.Errorf("%s is set by the program itself, and makes no sense (%w): unset it", Variable, err)
	}
	if err := common.CheckVersion(Variable, told.V, handoverVersion); err != nil {
		return nil, err
	}
	h := &Handover{From: told.From, Children: told.Children, Stops: told.Stops}
	var all error
	adopt := func(fd int, name string) *os.File {
		if fd == 0 {
			return nil
		}
		file, err := reexec.Adopt(fd, name)
		all = errors.Join(all, err)
		return file
	}
	if h.Lock = adopt(told.Lock, "lock"); h.Lock == nil {
		return nil, fmt.Errorf("%s is set by the program itself, and names no lock (%w): unset it", Variable, all)
	}
	h.Control = adopt(told.Control, "control socket")
	for _, l := range told.Listeners {
		if file := adopt(l.File, l.Key); file != nil {
			h.Listeners = append(h.Listeners, admin.Listening{Key: l.Key, Address: l.Address, File: file})
		}
	}
	if file := adopt(told.Runtimes, "runtimes"); file != nil {
		all = errors.Join(all, h.readRuntimes(file))
	}
	return h, all
}

func (h *Handover) readRuntimes(file *os.File) error {
	defer file.Close()
	var travelled map[string]runtime
	if err := json.NewDecoder(file).Decode(&travelled); err != nil {
		return fmt.Errorf("runtime tokens of jobs: %w", err)
	}
	h.Runtimes = map[string]jobsock.Runtime{}
	for key, r := range travelled {
		h.Runtimes[key] = jobsock.Runtime{Token: common.NewSecret(r.Token), RunID: r.RunID, JobID: r.JobID}
	}
	return nil
}
