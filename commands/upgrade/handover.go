package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"multirunner/commands/admin"
	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/helpers/reexec"
	"multirunner/network/jobsock"
)

// Variable is the number of an open file that tells a program what the one
// before has left to it. The program takes it out of its environment.
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

// handover is a Handover that travels: files by their numbers. It holds
// secrets, and is in memory only.
type handover struct {
	V         int                      `json:"v"`
	From      string                   `json:"from"`
	Lock      int                      `json:"lock"`
	Control   int                      `json:"control,omitempty"`
	Listeners []listening              `json:"listeners,omitempty"`
	Children  []reexec.Child           `json:"children,omitempty"`
	Runtimes  map[string]runtime       `json:"runtimes,omitempty"`
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
	told, keep := h.travelling()
	data, err := json.Marshal(told)
	if err != nil {
		return err
	}
	memory, err := reexec.Memory(data)
	if err != nil {
		return err
	}
	defer memory.Close()
	p.Env = append(p.Env, Variable+"="+strconv.Itoa(int(memory.Fd())))
	return reexec.Replace(p, append(keep, memory))
}

// travelling gives what is told, and the files that it names.
func (h *Handover) travelling() (handover, []*os.File) {
	var keep []*os.File
	number := func(f *os.File) int {
		if f == nil {
			return 0
		}
		keep = append(keep, f)
		return int(f.Fd())
	}
	told := handover{
		V: handoverVersion, From: h.From, Lock: number(h.Lock), Control: number(h.Control), Children: h.Children,
		Runtimes: map[string]runtime{}, Stops: h.Stops,
	}
	for _, l := range h.Listeners {
		told.Listeners = append(told.Listeners, listening{Key: l.Key, Address: l.Address, File: number(l.File)})
	}
	for key, r := range h.Runtimes {
		told.Runtimes[key] = runtime{Token: r.Token.Reveal(), RunID: r.RunID, JobID: r.JobID}
	}
	return told, keep
}

// Inherit reads and removes what the program before has left; nil without one.
// With a Handover the error is about what can be done without.
func Inherit(getenv func(string) string, unsetenv func(string) error) (*Handover, error) {
	text := getenv(Variable)
	if text == "" {
		return nil, nil
	}
	if err := unsetenv(Variable); err != nil {
		return nil, err
	}
	told, err := read(text)
	if err != nil {
		return nil, fmt.Errorf("%s=%s is set by the program itself, and makes no sense (%w): unset it", Variable, text, err)
	}
	return told.arrived()
}

func read(number string) (told handover, err error) {
	fd, err := strconv.Atoi(number)
	if err != nil {
		return told, err
	}
	memory, err := reexec.Adopt(fd, "handover")
	if err != nil {
		return told, err
	}
	defer memory.Close()
	data, err := io.ReadAll(memory)
	if err != nil {
		return told, err
	}
	err = common.DecodeVersioned("what the program before has left", data, handoverVersion, &told)
	return told, err
}

func (told handover) arrived() (*Handover, error) {
	h := &Handover{From: told.From, Children: told.Children, Stops: told.Stops, Runtimes: map[string]jobsock.Runtime{}}
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
		return nil, errors.Join(errors.New("the program before has left no lock of a state directory"), all)
	}
	h.Control = adopt(told.Control, "control socket")
	for _, l := range told.Listeners {
		if file := adopt(l.File, l.Key); file != nil {
			h.Listeners = append(h.Listeners, admin.Listening{Key: l.Key, Address: l.Address, File: file})
		}
	}
	for key, r := range told.Runtimes {
		h.Runtimes[key] = jobsock.Runtime{Token: common.NewSecret(r.Token), RunID: r.RunID, JobID: r.JobID}
	}
	return h, all
}
