// Package images gets the images of jobs ready: it pulls them as the pull
// policy says, with the right credentials, and builds those of actions from
// their Dockerfiles.
//
// What it gives is an image's id. Containers are made by it, so that a tag that
// moves meanwhile changes nothing.
package images

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"

	"multirunner/common"
)

// Options is what a Store is made of.
type Options struct {
	Engine *client.Client // its API version is negotiated
	// Policy are the words of pull_policy in order; empty is their default.
	Policy common.PullPolicy
	// Platform is "os/arch[/variant]" for requests that name none; "" leaves it
	// to the engine.
	Platform   string
	Registries []common.JobRegistry
	// DockerConfig is the directory of the config.json whose credentials are
	// used; "" for none. Its helpers run with this process's environment.
	DockerConfig string
	// Locks is an existing directory, the same for every process of the runner:
	// they build the same content one after another, and the second finds it
	// built. "" leaves the order to this process alone.
	Locks string
	// Log takes what the operator may want to know, never a credential.
	Log logrus.FieldLogger
	// Rand gives numbers in [0, 1) for the jitter between tries; nil is the
	// process's own.
	Rand func() float64
}

// Store gets images. Its methods may be called concurrently; the same image is
// got once at a time, and everybody who waits for it sees its progress.
type Store struct {
	engine       *client.Client
	policy       common.PullPolicy
	platform     string
	registries   map[string]common.JobRegistry // by normalised host
	dockerConfig string
	locks        string
	log          logrus.FieldLogger
	rand         func() float64
	now          func() time.Time

	flights flights[*Image]
	builder struct {
		sync.Mutex
		known    bool
		buildkit bool
	}
}

// New makes a Store. It does not ask the engine anything yet.
func New(o Options) *Store {
	s := &Store{
		engine: o.Engine, policy: o.Policy, platform: o.Platform, dockerConfig: o.DockerConfig, locks: o.Locks,
		log: o.Log, rand: o.Rand, now: time.Now, registries: map[string]common.JobRegistry{},
	}
	if len(s.policy) == 0 {
		s.policy = common.DefaultDocker().PullPolicy
	}
	if s.rand == nil {
		s.rand = rand.Float64
	}
	if s.log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		s.log = silent
	}
	for _, registry := range o.Registries {
		s.registries[registryHost(registry.Server)] = registry
	}
	return s
}

// Credentials are a workflow's own for the registry of an image; without a
// user name there are none.
type Credentials struct {
	Username string
	Password common.Secret
}

// Request is an image that has a name.
type Request struct {
	Image    string // "alpine", "registry.example.org/team/tool:1", "tool@sha256:…"
	Platform string // "os/arch[/variant]"; "" is the Store's
	// Credentials come before those of the configuration.
	Credentials Credentials
}

// Image is one that the engine has. It may be shared: do not change it.
type Image struct {
	ID  string // "sha256:…"; what containers are made of
	Ref string // what was asked for, in full: "docker.io/library/alpine:latest"
	// Digest is the one that the registry told when it was pulled now; else "".
	Digest string

	OS, Arch, Variant string

	Env         []string // K=V
	User        string
	Entrypoint  []string
	Cmd         []string
	WorkDir     string
	Ports       []string // exposed, "6379/tcp", sorted
	Volumes     []string // paths of anonymous volumes, sorted
	HealthCheck bool     // it has one that is made
	Labels      map[string]string
}

// BuildRequest is an image that an action's Dockerfile makes.
type BuildRequest struct {
	// Root is Dir or a directory above it that nobody but the runner can have
	// put there. Dir and everything below it are opened from Root, and links
	// that lead out of it are not followed; "" is Dir.
	Root       string
	Dir        string // the build context, absolute
	Dockerfile string // below Dir, slash-separated; "" is "Dockerfile"
	Platform   string // "os/arch[/variant]"; "" is the Store's
	Labels     map[string]string
	// Allowed says of each image that the Dockerfile begins with why it may not
	// be used; nil allows all. A name made of an argument that only the builder
	// knows is given as it is written.
	Allowed func(image string) error
}

// PruneLimits say which images of actions go. Both may be given; zero values
// keep everything.
type PruneLimits struct {
	Age  time.Duration // those that were built longer ago
	Keep int           // all but so many, the last built ones
}

// Pruned is what Prune did.
type Pruned struct {
	Images int   // removed
	Bytes  int64 // their sizes; what is shared with other images counts too
}
