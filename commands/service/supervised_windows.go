package service

import (
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

const (
	// While the service stops the manager hears every stopBeat that it goes
	// on, and gives up waiting when it has heard nothing for stopHint.
	stopBeat = 5 * time.Second
	stopHint = 20 * time.Second
)

// Run runs the program of the service. When the service manager started this
// process the program is run under it, else as it is.
func Run(program func(Supervision) error) error {
	isService, err := svc.IsWindowsService()
	if err != nil {
		return fmt.Errorf("was this process started by the service manager: %w", err)
	}
	if !isService {
		return program(Supervision{})
	}
	h := &handler{program: program}
	// The name counts for services that share a process only.
	if err := svc.Run(DefaultName, h); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return h.err
}

// handler is the conversation with the service manager.
type handler struct {
	program func(Supervision) error
	err     error // of the program, when Execute has returned
}

func (h *handler) Execute(args []string, changes <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	const accepted = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptParamChange
	requests := make(chan Request, 8)
	supervision := Supervision{Requests: requests}
	if len(args) > 0 {
		if log, err := eventlog.Open(args[0]); err == nil {
			defer log.Close()
			supervision.LogHook = eventHook{log}
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- h.program(supervision) }()

	present := svc.Status{State: svc.Running, Accepts: accepted}
	status <- present
	ticker := time.NewTicker(stopBeat)
	defer ticker.Stop()
	stop := func(r Request) {
		present = svc.Status{State: svc.StopPending, WaitHint: uint32(stopHint.Milliseconds()), CheckPoint: 1}
		status <- present
		send(requests, r)
	}
	for {
		select {
		case h.err = <-ended:
			if h.err != nil {
				return true, 1
			}
			return false, 0
		case <-ticker.C:
			if present.State == svc.StopPending {
				present.CheckPoint++
				status <- present
			}
		case change := <-changes:
			switch change.Cmd {
			case svc.Interrogate:
				status <- present
			case svc.ParamChange:
				send(requests, ReloadRequest)
			case svc.Stop:
				stop(StopRequest)
			case svc.Shutdown:
				stop(ShutdownRequest)
			}
		}
	}
}

// send never waits: a program that has ended takes nothing.
func send(requests chan<- Request, r Request) {
	select {
	case requests <- r:
	default:
	}
}

// eventHook writes to the event log. Standard error of a service goes nowhere.
type eventHook struct{ log *eventlog.Log }

func (eventHook) Levels() []logrus.Level { return logrus.AllLevels }

func (h eventHook) Fire(entry *logrus.Entry) error {
	line, err := entry.String()
	if err != nil {
		return err
	}
	const id = 1 // eventcreate.exe, which the source is installed with, knows 1 to 1000
	switch {
	case entry.Level <= logrus.ErrorLevel:
		return h.log.Error(id, line)
	case entry.Level == logrus.WarnLevel:
		return h.log.Warning(id, line)
	}
	return h.log.Info(id, line)
}
