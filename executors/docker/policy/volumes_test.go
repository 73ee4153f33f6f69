package policy

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multirunner/common"
)

// links is a machine: links lead elsewhere, everything else is where it is
// named, save what is missing.
type links map[string]string

func (l links) resolve(path string) (string, error) {
	for range 10 {
		next, changed := path, false
		for link, target := range l {
			if path == link || strings.HasPrefix(path, link+"/") {
				if target == "" {
					return "", &fs.PathError{Op: "lstat", Path: path, Err: fs.ErrNotExist}
				}
				next, changed = target+strings.TrimPrefix(path, link), true
			}
		}
		if !changed {
			return filepath.Clean(path), nil
		}
		path = next
	}
	return path, nil
}

var machine = links{
	"/var/run": "/run", "/srv/allowed/link": "/etc", "/srv/allowed/inner": "/srv/allowed/a", "/srv/missing": "", "/srv/allowed/missing": "",
	"/builds/x/work/link": "/etc", "/srv/allowed/run": "/run",
}

func TestVolumesOfAWorkflow(t *testing.T) {
	allow := func(patterns ...string) func(*common.DockerConfig) {
		return func(d *common.DockerConfig) { d.AllowedVolumes = patterns }
	}
	socket := func(d *common.DockerConfig) { d.MountSocket = true }
	tests := []struct {
		name      string
		configure func(*common.DockerConfig)
		volume    string
		want      string // the bind, or a part of the error
	}{
		{"allowed", allow("/srv/allowed"), "/srv/allowed:/x:ro", "/srv/allowed:/x:ro"},
		{"below an allowed one", allow("/srv/allowed"), "/srv/allowed/a:/x", "!not allowed on this runner (its operator can allow it: allowed_volumes = [\"/srv/allowed/a\"]"},
		{"one level", allow("/srv/allowed/*"), "/srv/allowed/a:/x:z", "/srv/allowed/a:/x:z"},
		{"two levels", allow("/srv/allowed/*"), "/srv/allowed/a/b:/x", "!not allowed"},
		{"any level", allow("/srv/allowed/**"), "/srv/allowed/a/b:/x", "/srv/allowed/a/b:/x"},
		{"the directory of **", allow("/srv/allowed/**"), "/srv/allowed:/x", "/srv/allowed:/x"},
		{"beside", allow("/srv/allowed/**"), "/srv/allowed2:/x", "!not allowed"},
		{"dots", allow("/srv/allowed/**"), "/srv/allowed/../other:/x", "!allowed_volumes = [\"/srv/other\"]"},
		{"dots that stay", allow("/srv/allowed/**"), "/srv/allowed/a/../b/.:/x", "/srv/allowed/b:/x"},
		{"a link out", allow("/srv/allowed/**"), "/srv/allowed/link:/x", "!is a link to"},
		{"behind a link", allow("/srv/allowed/**"), "/srv/allowed/link/ssh:/x", "!behind a link"},
		{"a link within", allow("/srv/allowed/**"), "/srv/allowed/inner/b:/x", "/srv/allowed/a/b:/x"},
		{"missing", allow("/srv/allowed/**"), "/srv/allowed/missing:/x", "!/srv/allowed/missing does not exist on this machine"},
		{"missing and not allowed", nil, "/srv/missing:/x", "!not allowed on this runner"},
		{"relative", allow("**"), "./a:/x", "!neither an absolute path nor the name"},
		{"relative with dots", allow("**"), "../a:/x", "!neither an absolute path nor the name"},
		{"two targets", nil, "data:/x:/y", "!/y is not an option"},
		{"shared", allow("**"), "/srv/allowed:/x:rshared", "!rshared is not an option that a workflow may use"},
		{"over everything", nil, "a:/x/..", "!the target is all of the container"},
		{"the socket", allow("**"), "/var/run/docker.sock:/var/run/docker.sock", "!mount_socket = true"},
		{"the socket by its other name", allow("**"), "/run/docker.sock:/x", "!mount_socket = true"},
		{"the socket's directory", allow("**"), "/run:/x", "!mount_socket = true"},
		{"the socket by a link", allow("**"), "/srv/allowed/run:/x", "!mount_socket = true"},
		{"everything", allow("**"), "/:/x", "!mount_socket = true"},
		{"the socket with permission, mounted once", socket, "/var/run/docker.sock:/var/run/docker.sock", "/var/run/docker.sock:/var/run/docker.sock"},
		{"the socket elsewhere", socket, "/var/run/docker.sock:/x.sock", "/run/docker.sock:/x.sock /var/run/docker.sock:/var/run/docker.sock"},
		{"the socket does not allow the rest", socket, "/run:/x", "!not allowed"},
		{"the runner's own files", allow("**"), "/state/credentials:/x", "!the runner keeps its own files there"},
		{"around them", allow("**"), "/builds:/x", "!the runner keeps its own files there"},
		{"another job's", allow("**"), "/builds/y:/x", "!the runner keeps its own files there"},
		{"the job's own", nil, "/builds/x/work/data:/x", "/builds/x/work/data:/x"},
		{"the job's own by its name in the container", nil, "/__w/repo/repo/data:/x", "/builds/x/work/data:/x"},
		{"another name in the container", nil, "/__w/repo/repo2:/x", "!not allowed"},
		{"out of the job's own", nil, "/__w/repo/repo/../../y:/x", "!not allowed"},
		{"a link out of the job's own", nil, "/builds/x/work/link:/x", "!is a link to"},
		{"a name", nil, "data:/x", "multirunner-srv-1-data:/x"},
		{"a shared name", allow("data-*"), "data-1:/x:nocopy", "data-1:/x:nocopy"},
		{"a path's pattern is for no name", allow("/**"), "data:/x", "multirunner-srv-1-data:/x"},
		{"a name's pattern is for no path", allow("*"), "/etc:/x", "!not allowed"},
		{"another job's name", allow("*"), "multirunner-srv-2-data:/x", "!names that begin with multirunner- are the runner's own"},
		{"nothing before the colon", nil, ":/x", "!has no source"},
		{"a control character", nil, "a\n:/x", "!has control characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range []common.Container{{Volumes: []string{tt.volume}}, {Options: `-v '` + tt.volume + `'`}} {
				create, err := try(Job, tt.configure, c)
				if part, refused := strings.CutPrefix(tt.want, "!"); refused {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("got %+v, %v", create, err)
					}
				} else if err != nil || strings.Join(create.Host.Binds, " ") != tt.want {
					t.Errorf("got %+v, %v", create, err)
				}
			}
		})
	}
}

func TestNothingIsMountedOverTheRunnersOwnPlaces(t *testing.T) {
	for target, want := range map[string]bool{
		"/__r": false, "/__r/runner": false, "/__r/../__r/x": false, "/__a/x": false, "/__w": false, "/__t": false, "/__n/bin": false,
		"/github": false, "/github/workflow/x": false, "/github/home": false, "/github/file_commands": false,
		"/__w/cache": true, "/github/home/.m2": true, "/data": true, "/__rx": true,
	} {
		for _, c := range []common.Container{
			{Volumes: []string{"a:" + target}}, {Volumes: []string{target}}, {Options: "--tmpfs " + target}, {Options: "--mount type=tmpfs,dst=" + target},
		} {
			for _, kind := range []Kind{Job, Action} {
				if _, err := try(kind, nil, c); (err == nil) != want {
					t.Errorf("%s, %+v: %v", target, c, err)
				}
			}
			if _, err := try(Service, nil, c); err != nil {
				t.Errorf("service: %s: %v", target, err)
			}
		}
	}
	if _, err := try(Job, nil, common.Container{Volumes: []string{"a:/x", "b:/x/"}}); err == nil || !strings.Contains(err.Error(), "/x is mounted twice") {
		t.Errorf("got %v", err)
	}
}

func TestAWorkflowsMountStandsBeforeTheOperatorsVolume(t *testing.T) {
	got := must(t, Job, func(d *common.DockerConfig) { d.Volumes = []string{"/srv/a:/a", "/srv/b:/b"} }, common.Container{Volumes: []string{"mine:/a"}})
	if want := []string{"multirunner-srv-1-mine:/a", "/srv/b:/b"}; !slices.Equal(got.Host.Binds, want) {
		t.Errorf("got %v", got.Host.Binds)
	}
}

func TestPathsAreResolvedOnThisMachine(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	docker := common.DefaultDocker()
	docker.AllowedVolumes = []string{filepath.ToSlash(dir) + "/**"}
	p := New(docker, Options{})
	if _, err := p.Make(Request{Container: common.Container{Image: "a", Volumes: []string{dir + "/none:/x"}}}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("got %v", err)
	}
	if _, err := p.Make(Request{Container: common.Container{Image: "a", Volumes: []string{dir + ":/x"}}}); err != nil {
		t.Error(err)
	}
}
