package images

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"multirunner/common"
	"multirunner/executors/docker/dockertest"
)

// action makes the directory of an action with files.
func action(t *testing.T, files map[string]string) string {
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

func builders(t *testing.T, test func(t *testing.T, engine *client.Client, s *Store)) {
	for name, kit := range map[string]bool{"classic": false, "BuildKit": true} {
		t.Run(name, func(t *testing.T) {
			engine := dockertest.Engine(t)
			s := New(Options{Engine: engine, Policy: common.PullPolicy{common.PullNever}, Locks: t.TempDir()})
			s.builder.known, s.builder.buildkit = true, kit
			test(t, engine, s)
		})
	}
}

func forget(t *testing.T, engine *client.Client, image *Image) {
	t.Cleanup(func() { dockertest.Forget(t, engine, image.ID) })
}

func TestTheSameContentIsBuiltOnce(t *testing.T) {
	builders(t, func(t *testing.T, engine *client.Client, s *Store) {
		base := dockertest.Image(t, engine, dockertest.Busybox)
		once := fmt.Sprint(time.Now().UnixNano()) // builders remember what they have run
		files := map[string]string{
			"Dockerfile": "ARG BASE=" + base + "\nFROM $BASE AS one\nRUN echo built by " + once + "\n" +
				"FROM one\nCOPY . /action\nRUN ls /action\nENTRYPOINT [\"/bin/sh\"]\n",
			"main.sh": "echo hello", "secret.txt": "x", "keep/a": "a", "drop/b": "b",
			".dockerignore": "secret.txt\ndrop\n",
		}
		dir := action(t, files)
		var log lines
		image, err := s.Build(t.Context(), BuildRequest{Dir: dir}, &log)
		if err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
		forget(t, engine, image)
		if !strings.Contains(log.String(), "built by ") || !strings.Contains(log.String(), "main.sh") || image.Labels[BuiltLabel] != "action" || image.Entrypoint[0] != "/bin/sh" {
			t.Errorf("image %+v, log:\n%s", image, log.String())
		}
		for _, ignored := range []string{"secret.txt", "drop"} {
			if strings.Contains(log.String(), ignored+"\n") {
				t.Errorf("%s was sent", ignored)
			}
		}
		// Another directory with other times, another store: another process.
		again := New(Options{Engine: engine, Policy: common.PullPolicy{common.PullNever}, Locks: s.locks})
		log = lines{}
		same, err := again.Build(t.Context(), BuildRequest{Dir: action(t, files)}, &log)
		if err != nil || same.ID != image.ID || !strings.Contains(log.String(), "built from the same content before") {
			t.Errorf("again: %v, %v, log:\n%s", same, err, log.String())
		}
		files["main.sh"] = "echo changed"
		changed, err := again.Build(t.Context(), BuildRequest{Dir: action(t, files)}, &lines{})
		if err != nil || changed.ID == image.ID {
			t.Fatalf("changed: %v, %v", changed, err)
		}
		forget(t, engine, changed)
	})
}

func TestManyThatWantTheSameContentShareABuild(t *testing.T) {
	engine := dockertest.Engine(t)
	base := dockertest.Image(t, engine, dockertest.Busybox)
	dir := action(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN echo shared " + fmt.Sprint(time.Now().UnixNano()) + "; sleep 1\n"})
	locks := t.TempDir()
	var jobs sync.WaitGroup
	var mu sync.Mutex
	ids, builds := map[string]bool{}, 0
	for range 4 {
		s := New(Options{Engine: engine, Policy: common.PullPolicy{common.PullNever}, Locks: locks})
		jobs.Go(func() {
			var log lines
			image, err := s.Build(t.Context(), BuildRequest{Dir: dir}, &log)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[image.ID] = true
			if strings.Contains(log.String(), "Building the image") {
				builds++
			}
		})
	}
	jobs.Wait()
	for id := range ids {
		dockertest.Forget(t, engine, id)
	}
	if len(ids) != 1 || builds != 1 {
		t.Errorf("%d images, %d builds", len(ids), builds)
	}
}

func TestABuildThatFailsSaysWhere(t *testing.T) {
	builders(t, func(t *testing.T, engine *client.Client, s *Store) {
		base := dockertest.Image(t, engine, dockertest.Busybox)
		var log lines
		_, err := s.Build(t.Context(), BuildRequest{Dir: action(t, map[string]string{
			"Dockerfile": "FROM " + base + "\nRUN echo oops " + fmt.Sprint(time.Now().UnixNano()) + "; exit 7\n",
		})}, &log)
		if err == nil || !strings.Contains(err.Error(), "building Dockerfile") || !strings.Contains(err.Error(), "7") || !strings.Contains(log.String(), "oops") {
			t.Errorf("%v\n%s", err, log.String())
		}
		_, err = s.Build(t.Context(), BuildRequest{Dir: action(t, map[string]string{"Dockerfile": "FROM multirunner-test/none:1\n"})}, &lines{})
		if err == nil || !strings.Contains(err.Error(), "FROM multirunner-test/none:1: ") {
			t.Errorf("no such base: %v", err)
		}
	})
}

func TestAHostileContextIsRefused(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(Options{Engine: (&fakeEngine{local: map[string]bool{}}).client(t)})
	link := func(name, target string) string {
		dir := action(t, map[string]string{"file": "x"})
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	linked := link("sub", "/etc")
	for name, test := range map[string]struct {
		request BuildRequest
		want    string
	}{
		"no Dockerfile":          {BuildRequest{Dir: action(t, nil)}, "Dockerfile: "},
		"a link out of it":       {BuildRequest{Dir: link("Dockerfile", secret)}, "escapes"},
		"a path out of it":       {BuildRequest{Dir: action(t, nil), Dockerfile: "../../Dockerfile"}, "outside of the action's directory"},
		"a directory out of it":  {BuildRequest{Root: t.TempDir(), Dir: "/etc"}, "is not in"},
		"a link as directory":    {BuildRequest{Root: linked, Dir: filepath.Join(linked, "sub")}, "escapes"},
		"a name it may not have": {BuildRequest{Dir: action(t, map[string]string{"Dockerfile": "FROM evil:1\n"}), Allowed: func(image string) error { return errors.New(image + " is not allowed") }}, "FROM evil:1: evil:1 is not allowed"},
	} {
		if _, err := s.Build(t.Context(), test.request, &lines{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	// A link is sent as one.
	dir := link("inside", secret)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	packed, err := packContext(t.Context(), BuildRequest{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	data := make([]byte, 1<<20)
	n, _ := packed.file.Read(data)
	if strings.Contains(string(data[:n]), "secret\n") || !strings.Contains(string(data[:n]), secret) {
		t.Errorf("packed: %q", data[:n])
	}
}

func TestTheImagesThatADockerfileBeginsWith(t *testing.T) {
	for text, want := range map[string][]base{
		"FROM a:1\nFROM b AS x\nFROM x\nFROM scratch":             {{name: "a:1"}, {name: "b"}},
		"arg V=3\nfrom --platform=linux/arm64 node:${V}-slim\n":   {{name: "node:3-slim", platform: "linux/arm64"}},
		"ARG V\nFROM node:$V\nFROM node:$V":                       {{name: "node:$V"}},
		"# FROM x\n\n  FROM  y  as  z  \nRUN FROM q\nCOPY FROM r": {{name: "y"}},
		"RUN true": nil,
	} {
		if diff := cmp.Diff(want, fromImages([]byte(text)), cmp.AllowUnexported(base{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func FuzzDockerfile(f *testing.F) {
	f.Add([]byte("ARG A=1\nFROM x:$A AS y\nFROM y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, base := range fromImages(text) {
			if base.name == "" {
				t.Error("no name")
			}
		}
	})
}

func FuzzBuildTrace(f *testing.F) {
	f.Add([]byte{0x0a, 0x03, 0x0a, 0x01, 'x'})
	f.Fuzz(func(_ *testing.T, message []byte) {
		l := buildLog{log: &lines{}, told: map[string]bool{}}
		l.trace(message)
		l.flush()
	})
}

func TestOldImagesOfActionsAreRemovedAndNoOthers(t *testing.T) {
	engine := dockertest.Engine(t)
	base := dockertest.Image(t, engine, dockertest.Busybox)
	s := New(Options{Engine: engine, Policy: common.PullPolicy{common.PullNever}})
	image, err := s.Build(t.Context(), BuildRequest{Dir: action(t, map[string]string{"Dockerfile": "FROM " + base + "\nENV A=" + t.Name() + "\n"})}, &lines{})
	if err != nil {
		t.Fatal(err)
	}
	there := func() bool {
		_, err := engine.ImageInspect(t.Context(), image.ID)
		return err == nil
	}
	if _, err := s.Prune(t.Context(), PruneLimits{Age: time.Hour}); err != nil || !there() {
		t.Errorf("a fresh one: %v", err)
	}
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	pruned, err := s.Prune(t.Context(), PruneLimits{Age: time.Hour})
	if err != nil || pruned.Images < 1 || there() {
		t.Errorf("an old one: %+v, %v", pruned, err)
	}
	if _, err := engine.ImageInspect(t.Context(), base); err != nil {
		t.Errorf("what it was made from: %v", err)
	}
}
