package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"multirunner/common"
)

// nodeTime bounds asking a node for its version.
const nodeTime = 30 * time.Second

// foundNode is a node where the job's commands run.
type foundNode struct {
	path    string
	version string // as it tells, without the v
	major   int
}

// findNode finds the node for actions that ask for a major version: one of that
// version or a newer one, as GitHub's runner too gives newer ones to older
// actions. The place's own comes before one that a step has put on PATH: that
// is for the workflow's code. The operator's comes last: an image's own fits it
// better.
func (r *stepRun) findNode(ctx context.Context, major int) (string, error) {
	var old []string
	operators := r.job.executor.Paths().Node
	for _, path := range []string{r.job.baseEnv.get("PATH"), r.searchPath(), operators} {
		if path == "" {
			continue
		}
		for _, name := range []string{"node", fmt.Sprintf("node%d", major)} {
			node, err := r.job.lookNode(ctx, name, path)
			if errors.Is(err, exec.ErrNotFound) {
				continue
			}
			if err != nil && path == operators && r.job.inContainer {
				return "", fmt.Errorf("needs node %d or newer, which the job's container has not (%s), and that of node_dir does not run there: %w: use an image with node, or a node_dir for the system of the image", major, r.job.image(), err)
			}
			if err != nil {
				return "", fmt.Errorf("node: %w", err)
			}
			if node.major >= major {
				return node.path, nil
			}
			if text := fmt.Sprintf("%s is %s", node.path, node.version); !slices.Contains(old, text) {
				old = append(old, text)
			}
		}
	}
	return "", r.noNode(major, old)
}

// noNode says what there is instead of a node, and what can be done.
func (r *stepRun) noNode(major int, old []string) error {
	found := fmt.Sprintf("there is none on the PATH of the job (%s)", r.searchPath())
	if len(old) > 0 {
		found = strings.Join(old, " and ")
	}
	switch {
	case r.job.inContainer && len(old) > 0:
		return fmt.Errorf("needs node %d or newer, but in the job's container (%s) %s: use an image with a newer node, or set node_dir in [runners.docker] of the runner's configuration", major, r.job.image(), found)
	case r.job.inContainer:
		return fmt.Errorf("needs node %d or newer, and the job's container has none (%s; its PATH is %s): use an image with node, or set node_dir in [runners.docker] of the runner's configuration", major, r.job.image(), r.searchPath())
	case len(old) > 0:
		return fmt.Errorf("needs node %d or newer, but %s: install a newer node on the machine, or put it on the PATH of the runner's jobs", major, found)
	}
	return fmt.Errorf("needs node %d or newer, and %s: install node on the machine, or put it on the PATH of the runner's jobs", major, found)
}

// image names the image of the job's container for people.
func (j *Job) image() string {
	switch {
	case j.asked.Job != nil:
		return "image " + j.asked.Job.Image
	case j.spec.LabelArg != "":
		return "image " + j.spec.LabelArg + " of the label " + j.spec.Label
	case j.spec.Docker.Image != "":
		return "image " + j.spec.Docker.Image + " of the runner's configuration"
	}
	return "the image of the label " + j.spec.Label
}

// lookNode finds a program that should be a node, and asks each for its version
// once. The error satisfies errors.Is(err, exec.ErrNotFound) when it is missing.
func (j *Job) lookNode(ctx context.Context, name, path string) (foundNode, error) {
	program, err := j.executor.LookPath(ctx, name, path)
	if err != nil {
		return foundNode{}, err
	}
	if i := slices.IndexFunc(j.nodes, func(n foundNode) bool { return n.path == program }); i >= 0 {
		return j.nodes[i], nil
	}
	node, err := j.askNode(ctx, program)
	if err == nil {
		j.nodes = append(j.nodes, node)
	}
	return node, err
}

func (j *Job) askNode(ctx context.Context, program string) (foundNode, error) {
	ctx, cancel := context.WithTimeout(ctx, nodeTime)
	defer cancel()
	var stdout, stderr bytes.Buffer
	status, err := j.executor.Run(ctx, &common.Command{
		Path: program, Args: []string{"--version"}, Env: j.baseEnv.environ(), Stdout: &stdout, Stderr: &stderr,
	})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return foundNode{}, fmt.Errorf("%s --version: %v", program, err) // not as one that is missing
	}
	version := strings.TrimPrefix(strings.TrimSpace(stdout.String()), "v")
	digits, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(digits)
	if err != nil || !status.Success() {
		return foundNode{}, fmt.Errorf("%s --version does not tell a version (%d bytes of output)", program, stdout.Len()+stderr.Len())
	}
	return foundNode{path: program, version: version, major: major}, nil
}
