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

// foundNode is a node of the machine.
type foundNode struct {
	path    string
	version string // as it tells, without the v
	major   int
}

// findNode finds the node for actions that ask for a major version: one of that
// version or a newer one, as GitHub's runner too gives newer ones to older
// actions. The machine's own comes before one that a step has put on PATH:
// that is for the workflow's code.
func (r *stepRun) findNode(ctx context.Context, major int) (string, error) {
	var old []string
	for _, path := range []string{r.job.baseEnv.get("PATH"), r.searchPath()} {
		for _, name := range []string{"node", fmt.Sprintf("node%d", major)} {
			node, err := r.job.lookNode(ctx, name, path)
			if errors.Is(err, exec.ErrNotFound) {
				continue
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
	if len(old) > 0 {
		return "", fmt.Errorf("needs node %d or newer, but %s: install a newer node on the machine, or put it on the PATH of the runner's jobs", major, strings.Join(old, " and "))
	}
	return "", fmt.Errorf("needs node %d or newer, and there is none on the PATH of the job (%s): install node on the machine, or put it on the PATH of the runner's jobs", major, r.searchPath())
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
		return foundNode{}, fmt.Errorf("%s --version: %w", program, err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(stdout.String()), "v")
	digits, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(digits)
	if err != nil || !status.Success() {
		return foundNode{}, fmt.Errorf("%s --version does not tell a version (%d bytes of output)", program, stdout.Len()+stderr.Len())
	}
	return foundNode{path: program, version: version, major: major}, nil
}
