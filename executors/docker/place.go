package docker

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"multirunner/common"
	"multirunner/executors/docker/policy"
)

// Directories in containers. Those below /github are GitHub's own, and actions
// know them.
const (
	workRoot    = "/__w"
	jobTemp     = workRoot + "/_temp"
	jobTools    = "/__t"
	jobActions  = "/__a"
	jobNode     = "/__n"
	jobShim     = "/__r/runner"
	jobCA       = "/__c"
	gitHub      = "/github"
	gitHubHome  = gitHub + "/home"
	actionTemp  = gitHub + "/runner_temp"
	actionSpace = gitHub + "/workspace"
)

// Directories below temp that docker actions have at places of their own.
const (
	workflowDir = "_github_workflow"
	commandsDir = "_runner_file_commands"
)

// Directories of a build directory besides those of the host's executor. The
// job's commands cannot change which directories these are, nor work, temp and
// home: only such are mounted. What is below them may be anything by then, a
// link to somewhere on this machine for one.
const (
	actionsDir = "actions"
	caDir      = "ca"
	inJobDir   = "in-job"    // /github of the job's container
	inStepDir  = "in-action" // /github of docker actions
)

// place tells where the job's directories are: on this machine, for the job's
// commands, and in docker actions.
type place struct {
	host   common.Paths
	job    common.Paths
	build  string
	node   string // on the host, "" without one
	inside bool
	ca     bool
	maps   []mapping // of the job's paths to those of docker actions, the longest first
}

// mapping is a directory with two names.
type mapping struct{ job, action string }

func newPlace(spec *common.JobSpec, host common.Paths, repo string, inside bool) place {
	p := place{host: host, job: host, build: spec.Dirs.Build, node: spec.Docker.NodeDir, inside: inside, ca: spec.TLSCAFile != ""}
	join := filepath.Join
	if inside {
		p.job = common.Paths{Workspace: path.Join(workRoot, repo, repo), Temp: jobTemp, Home: gitHubHome, ToolCache: jobTools}
		if p.node != "" {
			p.job.Node = jobNode + "/bin"
		}
		join = path.Join
	}
	p.maps = []mapping{
		{join(p.job.Temp, workflowDir), gitHub + "/workflow"},
		{join(p.job.Temp, commandsDir), gitHub + "/file_commands"},
		{p.job.Temp, actionTemp},
		{p.job.Workspace, actionSpace},
		{p.job.Home, gitHubHome},
		{p.job.ToolCache, jobTools},
	}
	return p
}

// toAction translates a path of the job to that of docker actions. Other texts
// stay as they are.
func (p place) toAction(text string) string {
	for _, m := range p.maps {
		if rest, ok := below(text, m.job); ok {
			return m.action + filepath.ToSlash(rest)
		}
	}
	return text
}

// toJob is the other way round.
func (p place) toJob(text string) string {
	for _, m := range p.maps {
		if rest, ok := below(text, m.action); ok {
			if !p.inside {
				rest = filepath.FromSlash(rest)
			}
			return m.job + rest
		}
	}
	return text
}

// below tells whether a path is a directory or below it, and what follows.
func below(text, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(text, dir)
	return rest, ok && dir != "" && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator)
}

// directories are those that a workflow may mount into its containers.
func (p place) directories() []policy.Directory {
	list := []policy.Directory{{Host: p.host.Workspace}, {Host: p.host.Temp}, {Host: p.host.Home}, {Host: p.host.ToolCache}}
	if p.inside {
		for i, name := range []string{p.job.Workspace, p.job.Temp, p.job.Home, p.job.ToolCache} {
			list[i].Container = name
		}
	}
	return list
}

// jobMounts are the mounts of the job's container. shim is the program that is
// its first process.
func (p place) jobMounts(shim string) []mount.Mount {
	mounts := []mount.Mount{
		bind(p.host.Workspace, p.job.Workspace, false),
		bind(p.host.Temp, jobTemp, false),
		bind(filepath.Join(p.build, inJobDir), gitHub, true),
		bind(p.host.Home, gitHubHome, false),
		bind(p.host.ToolCache, jobTools, false),
		bind(filepath.Join(p.build, actionsDir), jobActions, true),
		bind(shim, jobShim, true),
	}
	if p.node != "" {
		mounts = append(mounts, bind(p.node, jobNode, true))
	}
	return p.withCA(mounts)
}

// actionMounts are the mounts of a docker action.
func (p place) actionMounts() []mount.Mount {
	mounts := []mount.Mount{
		bind(filepath.Join(p.build, inStepDir), gitHub, true),
		bind(p.host.Workspace, actionSpace, false),
		bind(p.host.Home, gitHubHome, false),
		bind(p.host.Temp, actionTemp, false),
		bind(p.host.ToolCache, jobTools, false),
	}
	if p.inside {
		mounts = append(mounts, bind(filepath.Join(p.build, actionsDir), jobActions, true))
	}
	return p.withCA(mounts)
}

func (p place) withCA(mounts []mount.Mount) []mount.Mount {
	if p.ca {
		mounts = append(mounts, bind(filepath.Join(p.build, caDir), jobCA, true))
	}
	return mounts
}

func bind(source, target string, readOnly bool) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: readOnly}
}

// repositoryName gives the name of a directory for a repository, "owner/name".
func repositoryName(full string) string {
	name := path.Base(full)
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
	})
	if odd || len(name) > 200 || strings.Trim(name, ".") == "" || name == "_temp" {
		return "work"
	}
	return name
}
