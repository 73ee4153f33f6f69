package metrics

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"multirunner/commands/job"
	"multirunner/commands/supervisor"
	"multirunner/helpers/process"
	"multirunner/network/sender"
)

// How often each source is asked at most.
const (
	reportsEvery       = 2 * time.Second
	registrationsEvery = 2 * time.Second
	processesEvery     = 10 * time.Second
	stateEvery         = 15 * time.Second
	diskEvery          = 30 * time.Second
)

// pulsePatience is how long the supervisor may take for a sign of life.
const pulsePatience = 5 * time.Second

// ReportSource measures what waits to be sent. It is in the background since
// the sender may be reading a slow disk.
func ReportSource(stats func() sender.Stats) Source {
	rows := newFamily("report_log_buffer_rows", "", "Log rows that servers do not have yet.")
	size := newFamily("spool_bytes", "", "Bytes of spools that servers do not have yet.")
	behind := newFamily("report_behind_seconds", "", "Age of the oldest log row that a server does not have yet.")
	return Source{
		Name: "reports", Every: reportsEvery, Families: []*Family{rows, size, behind},
		Collect: func(context.Context) ([]Gauge, error) {
			s := stats()
			return []Gauge{
				{Family: rows, Value: float64(s.Rows)},
				{Family: size, Value: float64(s.Bytes)},
				{Family: behind, Value: s.Behind.Seconds()},
			}, nil
		},
	}
}

// healths are the values of the label health.
var healths = [...]supervisor.Health{
	supervisor.HealthNew, supervisor.HealthWell, supervisor.HealthFailing,
	supervisor.HealthUnregistered, supervisor.HealthSpent, supervisor.HealthMisconfigured,
}

// RegistrationSource counts the registrations by their health.
func RegistrationSource(pulse func(context.Context) (supervisor.Pulse, error)) Source {
	family := newFamily("registrations", "health", "Registrations of the configuration by health.")
	noRoom := newFamily("registrations_without_room", "", "Registrations that are not polled because an executor has no room.")
	return Source{
		Name: "registrations", Every: registrationsEvery, Families: []*Family{family, noRoom},
		Collect: func(ctx context.Context) ([]Gauge, error) {
			ctx, cancel := context.WithTimeoutCause(ctx, pulsePatience, errors.New("the supervisor's loop gives no answer"))
			defer cancel()
			p, err := pulse(ctx)
			if errors.Is(err, supervisor.ErrNotRunning) {
				p, err = supervisor.Pulse{}, nil // it has ended, reports are still sent
			}
			if err != nil {
				return nil, errors.Join(err, context.Cause(ctx))
			}
			var gauges []Gauge
			for _, health := range healths {
				gauges = append(gauges, Gauge{Family: family, Label: string(health), Value: float64(p.Registrations[health])})
			}
			without := 0
			for _, n := range p.NoRoom {
				without += n
			}
			return append(gauges, Gauge{Family: noRoom, Value: float64(without)}), nil
		},
	}
}

// directories are the values of the label directory: the parts of the state
// directory that grow.
var directories = [...]string{"builds", "jobs", "actions", "tools"}

// DiskSource measures the directories in a state directory.
func DiskSource(stateDir string) Source {
	used := newFamily("state_disk_used_bytes", "directory", "Disk space that a part of the state directory takes; jobs has the spools.")
	return Source{
		Name: "disk", Every: diskEvery, Families: []*Family{used},
		Collect: func(ctx context.Context) ([]Gauge, error) {
			var gauges []Gauge
			for _, name := range directories {
				size, err := usedBytes(ctx, filepath.Join(stateDir, name))
				if err != nil {
					return nil, err
				}
				gauges = append(gauges, Gauge{Family: used, Label: name, Value: float64(size)})
			}
			return gauges, nil
		},
	}
}

// usedBytes adds up what is below a directory. What goes away meanwhile, or
// cannot be looked at, is left out.
func usedBytes(ctx context.Context, dir string) (sum int64, err error) {
	if dir, err = filepath.EvalSymlinks(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			sum += onDisk(info)
		}
		return nil
	})
	return sum, err
}

// ProcessSource measures the job processes of a state directory, and what they
// have started.
func ProcessSource(stateDir string) Source {
	count := newFamily("job_processes", "kind", "Living processes: job processes, and those of steps below them.")
	memory := newFamily("job_processes_memory_bytes", "kind", "Resident memory of these processes; what several share counts for each.")
	return Source{
		Name: "processes", Every: processesEvery, Families: []*Family{count, memory},
		Collect: func(context.Context) ([]Gauge, error) {
			roots, err := jobProcesses(stateDir)
			if err != nil {
				return nil, err
			}
			own, below, err := process.TreeUsage(roots)
			if errors.Is(err, errors.ErrUnsupported) {
				return []Gauge{{Family: count, Label: "job", Value: float64(living(roots))}}, nil
			}
			if err != nil {
				return nil, err
			}
			return []Gauge{
				{Family: count, Label: "job", Value: float64(own.Processes)},
				{Family: count, Label: "step", Value: float64(below.Processes)},
				{Family: memory, Label: "job", Value: float64(own.Bytes)},
				{Family: memory, Label: "step", Value: float64(below.Bytes)},
			}, nil
		},
	}
}

// jobProcesses gives those that the state directory names.
func jobProcesses(stateDir string) ([]process.Root, error) {
	boot, err := process.BootID()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(stateDir, "jobs"))
	if err != nil {
		return nil, err
	}
	var roots []process.Root
	for _, entry := range entries {
		info, err := job.LoadInfo(filepath.Join(stateDir, "jobs", entry.Name()))
		if err == nil && info.BootID == boot {
			roots = append(roots, process.Root{PID: info.PID, Start: info.Start})
		}
	}
	return roots, nil
}

func living(roots []process.Root) int {
	n := 0
	for _, root := range roots {
		if process.Alive(root.PID, root.Start) {
			n++
		}
	}
	return n
}
