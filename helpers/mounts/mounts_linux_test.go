package mounts

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	const text = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
38 31 0:31 /docker/ab /sys/fs/cgroup/unified rw shared:7 master:2 - cgroup2 cgroup2 rw
40 31 8:1 / /mnt/a\040b\134c rw - ext4 /dev/sda1 rw
broken line
41 31 - x
`
	want := []Mount{
		{Root: "/", Point: "/sys/fs/cgroup", Type: "tmpfs"},
		{Root: "/docker/ab", Point: "/sys/fs/cgroup/unified", Type: "cgroup2"},
		{Root: "/", Point: `/mnt/a b\c`, Type: "ext4"},
	}
	if diff := cmp.Diff(want, parse(text)); diff != "" {
		t.Error(diff)
	}
}

func TestBelow(t *testing.T) {
	points, err := Below("/")
	if err != nil || !slices.Contains(points, "/proc") {
		t.Errorf("%q, %v", points, err)
	}
	if points, err := Below(t.TempDir()); err != nil || len(points) != 0 {
		t.Errorf("a plain directory: %q, %v", points, err)
	}
}

func TestAMountIsFoundAndDetached(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	point := filepath.Join(dir, "a \\ point\t")
	if err := os.Mkdir(point, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", point, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	for _, at := range []string{dir, point} {
		if points, err := Below(at); err != nil || !slices.Equal(points, []string{point}) {
			t.Errorf("below %q: %q, %v", at, points, err)
		}
	}
	if err := Detach(point); err != nil {
		t.Fatal(err)
	}
	if points, _ := Below(dir); len(points) != 0 {
		t.Errorf("left: %q", points)
	}
	if err := Detach(point); err == nil {
		t.Error("what is not mounted can be detached")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("40 31 8:1 / /mnt/a\\040b rw - ext4 /dev/sda1 rw\n")
	f.Add("\\1 \\12 \\ - ")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parse(text) {
			if m.Type == "" || m.Point == "" {
				t.Errorf("an empty field: %+v", m)
			}
		}
	})
}
