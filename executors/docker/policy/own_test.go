package policy

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"multirunner/common"
)

func TestWhatIsNotThereYetInTheJobsOwnDirectoriesIsMountedLater(t *testing.T) {
	work, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := New(common.DefaultDocker(), Options{Own: []Directory{{Host: work, Container: "/__w/a/a"}}})
	create, err := p.Make(Request{Kind: Service, Container: common.Container{
		Image: "a", Volumes: []string{"/__w/a/a/b/c:/x", work + "/conf:/y:ro", work + "/link:/l"}, Options: "--mount type=bind,ro,src=" + work + "/d,dst=/z",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(create.Host.Binds) > 0 || len(create.Host.Mounts) > 0 || len(create.Missing) != 4 {
		t.Fatalf("got %+v", create)
	}
	// The job's files come.
	if err := os.WriteFile(filepath.Join(work, "conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("conf", filepath.Join(work, "link")); err != nil {
		t.Skip(err)
	}
	if err := create.MountMissing(); err != nil {
		t.Fatal(err)
	}
	want := []string{work + "/b/c:/x", work + "/conf:/y:ro", work + "/conf:/l"}
	if !slices.Equal(create.Host.Binds, want) || len(create.Host.Mounts) != 1 || create.Host.Mounts[0].Source != work+"/d" || !create.Host.Mounts[0].ReadOnly {
		t.Errorf("got %v %+v", create.Host.Binds, create.Host.Mounts)
	}
	for _, name := range []string{"b/c", "d"} {
		if info, err := os.Stat(filepath.Join(work, name)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALinkThatComesLaterLeadsNowhere(t *testing.T) {
	for _, tt := range []struct{ target, mounted string }{
		{"new", "link"},   // dangling
		{"new", "link/x"}, // behind it
		{"", "link"},      // to a directory
		{"", "link/x"},
	} {
		outside, work := t.TempDir(), t.TempDir()
		p := New(common.DefaultDocker(), Options{Own: []Directory{{Host: work}}})
		create, err := p.Make(Request{Container: common.Container{Image: "a", Volumes: []string{work + "/" + tt.mounted + ":/x"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(outside, tt.target), filepath.Join(work, "link")); err != nil {
			t.Skip(err)
		}
		err = create.MountMissing()
		if entries, _ := os.ReadDir(outside); err == nil || len(entries) > 0 || len(create.Host.Binds) > 0 {
			t.Errorf("%s to %q: %v, outside are %v, mounted %v", tt.mounted, tt.target, err, entries, create.Host.Binds)
		}
	}
}
