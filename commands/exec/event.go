package exec

import (
	"context"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// repository is what a run's contexts say of the project.
type repository struct {
	Name          string // owner/name
	Sha           string
	Ref           string
	Actor         string
	DefaultBranch string
}

const noCommit = "0000000000000000000000000000000000000000"

// describe asks git about the project; what git does not know gets a value
// that is plainly local.
func describe(ctx context.Context, dir string, getenv func(string) string) repository {
	git := func(fallback string, args ...string) string {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		if text := strings.TrimSpace(string(out)); err == nil && text != "" {
			return text
		}
		return fallback
	}
	user := getenv("USER")
	if user == "" {
		user = "local"
	}
	return repository{
		Name:          repositoryName(git("", "remote", "get-url", "origin"), dir),
		Sha:           git(noCommit, "rev-parse", "--verify", "-q", "HEAD"),
		Ref:           git("refs/heads/main", "symbolic-ref", "-q", "HEAD"),
		Actor:         git(user, "config", "user.name"),
		DefaultBranch: strings.TrimPrefix(git("origin/main", "symbolic-ref", "-q", "--short", "refs/remotes/origin/HEAD"), "origin/"),
	}
}

// repositoryName takes owner/name from a remote's URL, https and ssh forms,
// or calls the directory local/<its name>.
func repositoryName(remote, dir string) string {
	remote = strings.TrimSuffix(strings.TrimRight(remote, "/"), ".git")
	if parts := strings.FieldsFunc(remote, func(r rune) bool { return r == '/' || r == ':' }); len(parts) >= 3 {
		return parts[len(parts)-2] + "/" + parts[len(parts)-1]
	}
	return "local/" + filepath.Base(dir)
}

// payload is the event as contexts see it: what git knows of the project,
// under what the user's event file says.
func (r repository) payload(event string, given map[string]any, inputs map[string]string) map[string]any {
	owner, name, _ := strings.Cut(r.Name, "/")
	payload := map[string]any{
		"ref": r.Ref,
		"repository": map[string]any{
			"name": name, "full_name": r.Name, "default_branch": r.DefaultBranch,
			"owner": map[string]any{"login": owner},
		},
		"sender": map[string]any{"login": r.Actor},
	}
	if event == "push" {
		payload["after"], payload["before"] = r.Sha, noCommit
		payload["head_commit"] = map[string]any{"id": r.Sha}
	}
	maps.Copy(payload, given)
	if len(inputs) > 0 {
		merged := map[string]any{}
		if from, ok := payload["inputs"].(map[string]any); ok {
			maps.Copy(merged, from)
		}
		for key, value := range inputs {
			merged[key] = value
		}
		payload["inputs"] = merged
	}
	return payload
}
