package service

import (
	"bytes"
	"fmt"
	"io"
	"time"

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
			supervision.Log = eventWriter{log}
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
				h.report(supervision.Log)
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

// report writes why the program has ended to where people look.
func (h *handler) report(log io.Writer) {
	if log != nil {
		fmt.Fprintf(log, "level=error msg=%q\n", "runner: "+h.err.Error())
	}
}

// send never waits: a program that has ended takes nothing.
func send(requests chan<- Request, r Request) {
	select {
	case requests <- r:
	default:
	}
}

// eventWriter writes lines to the event log. Standard error of a service goes
// nowhere.
type eventWriter struct{ log *eventlog.Log }

func (w eventWriter) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if text == "" {
		return len(line), nil
	}
	const id = 1 // the source is installed with eventcreate.exe's messages, which are 1 to 1000
	var err error
	switch levelOf(line) {
	case errorEvent:
		err = w.log.Error(id, text)
	case warningEvent:
		err = w.log.Warning(id, text)
	default:
		err = w.log.Info(id, text)
	}
	if err != nil {
		return 0, err
	}
	return len(line), nil
}
