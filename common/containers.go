package common

import (
	"context"
	"io"
)

// Container is what a workflow says of one container, all expressions
// evaluated: the job's (container) or a service's (services.<id>).
type Container struct {
	// ID is the key below services; "" for the job's container.
	ID    string
	Image string
	Env   []string // K=V
	Ports []string // "80", "8080:80", "8080:80/udp"
	// Volumes are "source:target[:ro]" or "target". Options is the text of
	// options, in the words of `docker create`.
	Volumes []string
	Options string
	// Entrypoint and Command replace those of a service's image; "" keeps them.
	// They are split at white space as in a shell, double quotes hold together.
	Entrypoint string
	Command    string
	// Username and Password are credentials for the registry of the image.
	Username string
	Password Secret
}

// JobContainers is what a job asks for besides a place to run commands.
type JobContainers struct {
	// Job is nil when the workflow names no container: the commands run in the
	// label's image, or on the host when the label has none.
	Job      *Container
	Services []Container // in the workflow's order
}

// RunningService is a service container of a job, as the job context shows it.
type RunningService struct {
	ID        string // the key below services
	Container string // the engine's id
	// Ports gives the host's port for each port of the container ("6379").
	Ports map[string]string
}

// RunningContainers is what Prepare made, as the job context shows it.
type RunningContainers struct {
	Network   string // the engine's id; "" when there was no need of one
	Container string // the job's; "" when commands run on the host
	Services  []RunningService
	// Arch and System tell of the job's container: its architecture as Go calls
	// it, and the system as people do ("Debian GNU/Linux 12"). Both may be empty.
	Arch   string
	System string
}

// ActionImage is the image of a docker action: one that has a name, or one to
// be built from a directory of this machine.
type ActionImage struct {
	Image      string // without docker://
	Dir        string // the build context, absolute; "" when Image is set
	Dockerfile string // below Dir, slash-separated
	// Root is Dir or a directory above it that nobody but the runner can have
	// put there: opened from it (os.Root), nothing outside of it is read whatever
	// links a job has made.
	Root string
}

// ContainerRun is one container that runs to its end: a docker action.
type ContainerRun struct {
	Image string // as PrepareImage gave it
	// Entrypoint replaces the image's, "" keeps it. Args replace its command
	// unless they are nil.
	Entrypoint string
	Args       []string
	// Env is what is added to the image's own (K=V). Values that are paths of
	// the job are translated to those of the container.
	Env            []string
	Stdout, Stderr io.Writer
	// Kill, once closed, turns a gentle end into SIGKILL, as in Command.
	Kill <-chan struct{}
}

// ContainerExecutor is an Executor that has a container engine at hand. Run
// and the file methods are then those of the job's container, or of the host
// where the job has none.
type ContainerExecutor interface {
	Executor
	// Require tells what the job asks for. It is called once, before Prepare;
	// Paths may change by it. The error names the key of the workflow when the
	// configuration does not allow what it asks for, or when there is no engine.
	Require(JobContainers) error
	// Containers tells what Prepare made.
	Containers() RunningContainers
	// PrepareImage pulls or builds the image of a docker action and gives what
	// ContainerRun calls it. Progress for the user goes to log, a line a write.
	// It may be called concurrently.
	PrepareImage(ctx context.Context, image ActionImage, log io.Writer) (string, error)
	// RunContainer runs a container to its end in the job's network, with the
	// job's workspace, home and temp directories at the places that docker
	// actions know (/github/workspace, …). Its promises are those of Run; a
	// container leaves nothing behind.
	RunContainer(ctx context.Context, run *ContainerRun) (ExitStatus, error)
	// JobPath translates a path that a docker action told to one that the
	// job's commands see. Other paths stay as they are.
	JobPath(path string) string
}

// Importer is an Executor whose commands do not see this machine's
// directories.
type Importer interface {
	// Import makes a directory of this machine visible to the job's commands,
	// read-only, and gives its path there: the same one for the same directory.
	Import(ctx context.Context, dir string) (string, error)
}

// Swept says whose leftovers a Sweep removes.
type Swept struct {
	// Instance is the identity of the state directory, as JobSpec has it.
	Instance string
	// Runners are the registrations whose jobs may have left something.
	Runners []*RunnerConfig
	// Alive is asked by the name of a job's directory, after what there is was
	// looked at: a job that begins meanwhile is alive before it makes anything.
	Alive func(job string) bool
}

// Hosted is an Executor whose commands may run in a container of a machine on
// which its operator has something to run around the job: hooks.
type Hosted interface {
	// Host is the executor of this machine that makes the job's directories; nil
	// when the job's commands run there anyway. Its Run keeps to the promise of
	// one goroutine at a time together with this one's.
	Host() Executor
}

// Sweeper is an ExecutorProvider whose jobs may leave something outside their
// processes and directories when they are killed.
type Sweeper interface {
	// Sweep removes what jobs of this runner have left that are not alive any
	// more, never anybody else's. After an error it has removed what it could.
	Sweep(ctx context.Context, s Swept) error
}

// Located is an ExecutorProvider that works in a place which the registration
// names, such as an engine: in one place it may be available, in another not.
type Located interface {
	// Place names the place of a registration's jobs. It only reads.
	Place(runner *RunnerConfig) string
	// AvailableAt is Available for one place.
	AvailableAt(ctx context.Context, place string) error
}
