package action

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes a repository of files below a directory that has a file of its own.
func tree(t *testing.T, files map[string]string) *os.Root {
	t.Helper()
	outer := t.TempDir()
	root := filepath.Join(outer, "repository")
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, isLink := strings.CutPrefix(text, "-> "); isLink {
			if err := os.Symlink(target, file); err != nil {
				t.Skipf("no symbolic links here: %v", err)
			}
			continue
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outer, "outside"), []byte("runs: {using: node20, main: x}"), 0o644); err != nil {
		t.Fatal(err)
	}
	opened, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened
}

const (
	nodeAction      = "runs: {using: node20, main: x.js}"
	compositeAction = "runs: {using: composite, steps: [{run: x, shell: sh}]}"
)

func TestLoadLooksInOrder(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		dir   string
		want  Using
	}{
		"yml first":     {map[string]string{"action.yml": nodeAction, "action.yaml": compositeAction, "Dockerfile": "FROM x"}, "", Node20},
		"then yaml":     {map[string]string{"action.yaml": compositeAction, "Dockerfile": "FROM x"}, "", Composite},
		"then Docker":   {map[string]string{"Dockerfile": "FROM x"}, "", DockerImage},
		"below the top": {map[string]string{"action.yml": nodeAction, "a/b/action.yaml": compositeAction}, "a/b", Composite},
		"link inside":   {map[string]string{"action.yml": "-> a/real.yml", "a/real.yml": nodeAction}, "", Node20},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Load(tree(t, tc.files), tc.dir)
			if err != nil || m.Runs.Using != tc.want {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		dir   string
		want  string
	}{
		"nothing":          {map[string]string{"x": ""}, "", "action: no action.yml, action.yaml or Dockerfile in the top directory of the repository"},
		"nothing below":    {map[string]string{"action.yml": nodeAction, "a/x": ""}, "a", "action: no action.yml, action.yaml or Dockerfile in directory a"},
		"upwards":          {map[string]string{"x": ""}, "../x", "leads out of its repository"},
		"main upwards":     {map[string]string{"action.yml": "runs: {using: node20, main: ../outside}"}, "", `action.yml: runs.main: "../outside" leads out of the action's repository`},
		"post upwards":     {map[string]string{"a/action.yml": "runs: {using: node20, main: x.js, post: b/../../../outside}"}, "a", `a/action.yml: runs.post: "b/../../../outside" leads out of the action's repository`},
		"pre by a link":    {map[string]string{"action.yml": "runs: {using: node20, main: x.js, pre: p}", "p": "-> ../outside"}, "", `action.yml: runs.pre: "p" leads out of the action's repository`},
		"main by a folder": {map[string]string{"action.yml": "runs: {using: node20, main: d/outside}", "d": "-> .."}, "", `action.yml: runs.main: "d/outside" leads out of the action's repository`},
		"main is a folder": {map[string]string{"action.yml": "runs: {using: node20, main: d}", "d/x": ""}, "", `action.yml: runs.main: "d" is not a file`},
		"Docker upwards":   {map[string]string{"action.yml": "runs: {using: docker, image: ../outside}"}, "", `action.yml: runs.image: "../outside" leads out of the action's repository`},
		"manifest by link": {map[string]string{"action.yml": "-> ../outside"}, "", "action: "},
		"folder by link":   {map[string]string{"d": "-> .."}, "d", "action: "},
		"it is a folder":   {map[string]string{"action.yml/x": ""}, "", "action: action.yml is not a file"},
		"too long":         {map[string]string{"action.yml": strings.Repeat("#", 2<<20)}, "", "action.yml: 1048577 bytes are too many"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Load(tree(t, tc.files), tc.dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v, %v\nwant %s", m, err, tc.want)
			}
			if strings.HasPrefix(name, "nothing") != errors.Is(err, ErrNoManifest) {
				t.Errorf("ErrNoManifest: %v", err)
			}
		})
	}
}

func TestFilesBesideTheActionAreItsOwnRepositorys(t *testing.T) {
	root := tree(t, map[string]string{"init/action.yml": "runs: {using: node20, main: ../lib/init.js, post: ../lib/later.js}", "lib/init.js": ""})
	m, err := Load(root, "init")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Locate(root, "init", m.Runs.Main)
	if err != nil || got != "lib/init.js" {
		t.Errorf("main: %s, %v", got, err)
	}
	if _, err := Locate(root, "init", m.Runs.Post); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"../lib/later.js"`) {
		t.Errorf("post: %v", err)
	}
	if _, err := Locate(root, "", "../outside"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("outside: %v", err)
	}
}

func TestAPipeIsNoManifest(t *testing.T) {
	root := tree(t, map[string]string{"x": ""})
	makePipe(t, filepath.Join(root.Name(), "action.yml"))
	if _, err := Load(root, ""); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("got %v", err)
	}
}
