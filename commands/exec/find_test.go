package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	onPush     = "on: push\njobs: {a: {runs-on: x, steps: [{run: echo}]}}\n"
	onCall     = "on: workflow_call\njobs: {c: {runs-on: x, steps: [{run: echo}]}}\n"
	onDispatch = "on: workflow_dispatch\njobs: {b: {runs-on: x, steps: [{run: echo}]}}\n"
)

func TestWorkflowsAreFound(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		named []string
		want  []string
		notes int
		// what broken and the error have
		broken []string
		err    string
	}{
		"all that listen": {
			files: map[string]string{".gitea/workflows/a.yml": onPush, ".gitea/workflows/b.yaml": onDispatch, ".gitea/workflows/README": "x"},
			want:  []string{".gitea/workflows/a.yml"}, notes: 1,
		},
		"github's folder when gitea's has none": {
			files: map[string]string{".gitea/workflows/.keep": "", ".github/workflows/c.yml": onPush},
			want:  []string{".github/workflows/c.yml"},
		},
		"gitea's folder wins": {
			files: map[string]string{".gitea/workflows/a.yml": onPush, ".github/workflows/c.yml": onPush},
			want:  []string{".gitea/workflows/a.yml"},
		},
		"one for others to call goes without saying": {
			files: map[string]string{".gitea/workflows/a.yml": onPush, ".gitea/workflows/b.yml": onCall},
			want:  []string{".gitea/workflows/a.yml"},
		},
		"named though it does not listen": {
			files: map[string]string{".gitea/workflows/b.yml": onDispatch}, named: []string{".gitea/workflows/b.yml"},
			want: []string{".gitea/workflows/b.yml"}, notes: 1,
		},
		"none at all":  {err: "no workflow in .gitea/workflows or .github/workflows"},
		"none listens": {files: map[string]string{".gitea/workflows/b.yml": onDispatch}, err: "no workflow listens to push", notes: 1},
		"named is missing": {
			named: []string{"nowhere.yml"}, err: "nowhere.yml: no such file",
		},
		"not a workflow": {
			files: map[string]string{"x.yml": "jobs: 3"}, named: []string{"x.yml"}, err: "x.yml:1",
		},
		"broken ones keep no other from being run": {
			files: map[string]string{
				".gitea/workflows/a.yml": "on: push\njobs:\n  x: 3\n", ".gitea/workflows/b.yml": onPush, ".gitea/workflows/c.yml": "on: [\n",
				".gitea/workflows/d.yml": "on: push\njobs: {a: {needs: b, runs-on: x, steps: [{run: x}]}, b: {needs: a, runs-on: x, steps: [{run: x}]}}",
			},
			want: []string{".gitea/workflows/b.yml"}, broken: []string{".gitea/workflows/a.yml:3", ".gitea/workflows/c.yml:", ".gitea/workflows/d.yml"},
		},
		"a broken one that is named": {
			files: map[string]string{".gitea/workflows/a.yml": "on: push\njobs:\n  x: 3\n", ".gitea/workflows/b.yml": onPush},
			named: []string{".gitea/workflows/b.yml", ".gitea/workflows/a.yml"}, err: ".gitea/workflows/a.yml:3",
		},
		"nothing but broken ones": {
			files: map[string]string{".gitea/workflows/a.yml": "on: push\njobs:\n  x: 3\n"}, err: ".gitea/workflows/a.yml:3",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var notes []string
			note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
			files, broken, err := findWorkflows(project(t, test.files), test.named, "push", note)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want one with %q", err, test.err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			for _, text := range test.broken {
				if broken == nil || !strings.Contains(broken.Error(), text) {
					t.Errorf("broken %v, want %q", broken, text)
				}
			}
			if broken != nil && len(test.broken) == 0 {
				t.Errorf("broken %v", broken)
			}
			var got []string
			for _, f := range files {
				got = append(got, f.name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if len(notes) != test.notes {
				t.Errorf("notes %q, want %d", notes, test.notes)
			}
		})
	}
}

func TestPairs(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"FROM_ENV": "value"}[name] }
	got, err := Pairs("secret", []string{"A=b=c", "EMPTY=", "FROM_ENV"}, getenv)
	if diff := cmp.Diff(map[string]string{"A": "b=c", "EMPTY": "", "FROM_ENV": "value"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, bad := range []string{"=x", "MISSING", ""} {
		if _, err := Pairs("secret", []string{bad}, getenv); err == nil || !strings.Contains(err.Error(), "--secret") {
			t.Errorf("Pairs(%q): %v", bad, err)
		}
	}
}

func TestRepositoryName(t *testing.T) {
	for remote, want := range map[string]string{
		"https://git.example.org/team/app.git":  "team/app",
		"git@git.example.org:team/app.git":      "team/app",
		"ssh://git@git.example.org:22/team/app": "team/app",
		"https://example.org/sub/team/app/":     "team/app",
		"":                                      "local/dir",
		"../app":                                "local/dir",
	} {
		if got := repositoryName(remote, "/some/dir"); got != want {
			t.Errorf("repositoryName(%q) = %q, want %q", remote, got, want)
		}
	}
}
