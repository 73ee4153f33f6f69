package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"multirunner/workflow/expression"
	"multirunner/workflow/filecommand"
)

const (
	// maxCommandFile bounds a file that a step hands back.
	maxCommandFile = 16 << 20
	// maxSummary is what servers take of a summary per step.
	maxSummary = 1 << 20
	// maxSummaries is what they take of all steps of a job together.
	maxSummaries = 1 << 20
	fileCount    = 5
	// fileTime bounds reading and writing of the step's files.
	fileTime = time.Minute
)

// fileKind is one of the files through which a step hands values back.
type fileKind struct {
	variable string // without its prefix
	file     string // start of the file's name
	take     func(r *stepRun, ctx context.Context, name string) error
}

// fileKinds are read in this order after a step.
var fileKinds = [fileCount]fileKind{
	{"ENV", "set_env", (*stepRun).takeEnv},
	{"PATH", "add_path", (*stepRun).takePath},
	{"OUTPUT", "set_output", (*stepRun).takeOutputs},
	{"STATE", "save_state", (*stepRun).takeState},
	{"STEP_SUMMARY", "step_summary", (*stepRun).takeSummary},
}

// fileCommands are the files of one phase, as the executor and as the job call
// them. They are made when something wants to know their paths: a step that uses
// a composite action mostly has no process that would. Safe for concurrent use,
// as a condition may ask while the phase runs.
type fileCommands struct {
	mu    sync.Mutex
	job   *Job // nil until the phase has begun
	made  bool
	err   error // why they could not be made
	names [fileCount]string
	paths [fileCount]string
}

// begin lets the files be made from now on.
func (f *fileCommands) begin(j *Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.job = j
}

// all gives the paths of the files, which are there then, and empty. Before the
// phase has begun there are none, nor if they could not be made: see fault.
func (f *fileCommands) all() [fileCount]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.job == nil || f.made || f.err != nil {
		return f.paths
	}
	if f.err = f.create(); f.err != nil {
		f.err = fmt.Errorf("the files for environment, outputs and the like could not be made: %w", f.err)
	}
	f.made = f.err == nil
	return f.paths
}

// fault tells why the files could not be made, which fails the phase.
func (f *fileCommands) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *fileCommands) create() error {
	ctx, cancel := context.WithTimeout(f.job.base, fileTime)
	defer cancel()
	id := uuid.NewString()
	for i, kind := range fileKinds {
		name := "_runner_file_commands/" + kind.file + "_" + id
		path, err := f.job.executor.WriteTemp(ctx, name, nil)
		if err != nil {
			return err
		}
		f.names[i], f.paths[i] = name, path
	}
	return nil
}

// toRead gives the names of the files, false when nobody could have written.
func (f *fileCommands) toRead() ([fileCount]string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names, f.made
}

// contextPairs are the paths as the github context has them.
func (f *fileCommands) contextPairs() []expression.Pair {
	paths := f.all()
	pairs := make([]expression.Pair, fileCount)
	for i, kind := range fileKinds {
		pairs[i] = expression.Pair{Key: strings.ToLower(kind.variable), Value: expression.String(paths[i])}
	}
	return pairs
}

// takeFiles obeys what the phase wrote into its files, also after a failure. A
// file that cannot be obeyed fails the step.
func (r *stepRun) takeFiles() result {
	if err := r.files.fault(); err != nil {
		r.job.rows.fault(err.Error())
		return failure
	}
	names, made := r.files.toRead()
	if !made || r.job.stop.killed() {
		return success
	}
	ctx, cancel := context.WithTimeout(r.job.base, fileTime)
	defer cancel()
	ended := success
	for i, kind := range fileKinds {
		if err := kind.take(r, ctx, names[i]); err != nil {
			r.job.rows.fault(fmt.Sprintf("The file in $GITHUB_%s cannot be obeyed: %v", kind.variable, err))
			ended = failure
		}
	}
	return ended
}

// read gives a file's content, none when the step removed it.
func (r *stepRun) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	data, err := r.job.executor.ReadTemp(ctx, name, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// readPairs reads names with values. The pairs before a fault count.
func (r *stepRun) readPairs(ctx context.Context, name string, use func(name, value string)) error {
	data, err := r.read(ctx, name, maxCommandFile)
	if err != nil || len(data) == 0 {
		return err
	}
	ends := filecommand.LF
	if r.job.machine.windows() {
		ends = filecommand.CRLF
	}
	pairs, err := filecommand.Pairs(data, ends)
	for _, p := range pairs {
		use(p.Name, p.Value)
	}
	return err
}

func (r *stepRun) takeEnv(ctx context.Context, name string) error {
	return r.readPairs(ctx, name, func(key, value string) {
		if guarded(key) {
			r.job.rows.fault(fmt.Sprintf("$GITHUB_ENV cannot set %s: the line is ignored.", key))
			return
		}
		r.setEnv(key, value)
	})
}

func (r *stepRun) takeOutputs(ctx context.Context, name string) error {
	return r.readPairs(ctx, name, r.setOutput)
}

func (r *stepRun) takeState(ctx context.Context, name string) error {
	return r.readPairs(ctx, name, r.saveState)
}

func (r *stepRun) takePath(ctx context.Context, name string) error {
	data, err := r.read(ctx, name, maxCommandFile)
	dirs := filecommand.Lines(data)
	for i, dir := range dirs {
		dirs[i] = r.output.path(dir)
	}
	r.addPath(dirs...)
	return err
}

// takeSummary reports the step's summary, masked. One that is too large or
// cannot be read is left out; the step does not fail (GitHub: CreateStepSummaryCommand).
func (r *stepRun) takeSummary(ctx context.Context, name string) error {
	data, err := r.read(ctx, name, maxSummary)
	if err != nil {
		r.job.rows.fault(fmt.Sprintf("The step's summary is left out: %v (at most %s are taken)", err, sizeText(maxSummary)))
		return nil
	}
	step := r.step.top()
	if len(data) == 0 || step.index < 0 {
		return nil
	}
	text := strings.ToValidUTF8(filecommand.Text(data), "\uFFFD")
	// A step's phases, and the steps of its action, have one summary together.
	summary := append(step.summary, r.job.masker.Mask(text)...)
	if len(summary) > maxSummary {
		r.job.rows.fault(fmt.Sprintf("The step's summary is left out: it is larger than %s", sizeText(maxSummary)))
		return nil
	}
	others := r.job.summaries - len(step.summary)
	if others+len(summary) > maxSummaries {
		r.job.rows.fault(fmt.Sprintf("The step's summary is left out: those of all steps of a job may have %s together, and steps before have used %d bytes of it", sizeText(maxSummaries), r.job.summaries))
		return nil
	}
	r.job.summaries = others + len(summary)
	step.summary = summary
	if err := r.job.trace.Summary(step.index, summary); err != nil {
		r.job.log.WithError(err).Error("A step's summary could not be kept")
	}
	return nil
}
