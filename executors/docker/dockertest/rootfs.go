package dockertest

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is one file of an image: a directory, a link, given bytes, or a file
// of this machine.
type entry struct {
	dir    bool
	link   string
	data   []byte
	source string
	mode   int64
	owner  int
}

// rootfs is the content of an image by path, without the leading slash.
type rootfs map[string]entry

func (r rootfs) dir(name string, mode int64) { r[name] = entry{dir: true, mode: mode} }

func (r rootfs) text(name, text string) { r[name] = entry{data: []byte(text), mode: 0o644} }

// program adds a program of this machine and the libraries that it is linked
// with, each where the program looks for it.
func (r rootfs) program(name, source string) error {
	source, err := filepath.EvalSymlinks(source)
	if err != nil {
		return err
	}
	r[name] = entry{source: source, mode: 0o755}
	if static(source) {
		return nil
	}
	return r.libraries(source)
}

// libraries adds the libraries of a program.
func (r rootfs) libraries(source string) error {
	out, err := exec.Command("ldd", source).Output()
	if err != nil {
		return fmt.Errorf("ldd %s: %w", source, err)
	}
	for line := range strings.Lines(string(out)) {
		// "libc.so.6 => /lib/…/libc.so.6 (0x…)", or "/lib64/ld-linux… (0x…)".
		_, found, ok := strings.Cut(line, "=>")
		if !ok {
			found = line
		}
		fields := strings.Fields(found)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "/") {
			continue
		}
		real, err := filepath.EvalSymlinks(fields[0])
		if err != nil {
			return err
		}
		r[fields[0][1:]] = entry{source: real, mode: 0o755}
	}
	return nil
}

// static tells whether a program needs no dynamic linker.
func static(source string) bool {
	file, err := elf.Open(source)
	if err != nil {
		return false
	}
	defer file.Close()
	return !slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// busybox adds the static busybox with a link for each of its applets.
func (r rootfs) busybox(source string) error {
	if !static(source) {
		return fmt.Errorf("%s is not static: install busybox-static", source)
	}
	out, err := exec.Command(source, "--list").Output()
	if err != nil {
		return fmt.Errorf("busybox --list: %w", err)
	}
	for _, applet := range strings.Fields(string(out)) {
		r["bin/"+applet] = entry{link: "/bin/busybox", mode: 0o777}
	}
	return r.program("bin/busybox", source)
}

// describe writes what the files are: what the tag of an image is made of. A
// file of this machine is told by its size and times, which a package's next
// version changes.
func (r rootfs) describe(w io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		e := r[name]
		fmt.Fprintf(w, "%q %t %q %q %q %o %d\n", name, e.dir, e.link, e.data, e.source, e.mode, e.owner)
		if e.source == "" {
			continue
		}
		info, err := os.Stat(e.source)
		if err != nil {
			return err
		}
		fmt.Fprintln(w, info.Size(), info.ModTime().UnixNano())
	}
	return nil
}

// writeTar writes the files with the directories that hold them.
func (r rootfs) writeTar(w io.Writer) error {
	all := maps.Clone(r)
	for name := range r {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, there := all[dir]; !there {
				all[dir] = entry{dir: true, mode: 0o755}
			}
		}
	}
	archive := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := all[name].writeTar(archive, name); err != nil {
			return err
		}
	}
	return archive.Close()
}

func (e entry) writeTar(archive *tar.Writer, name string) error {
	header := &tar.Header{Name: name, Mode: e.mode, Uid: e.owner, Gid: e.owner, ModTime: time.Unix(0, 0)}
	var content io.Reader = bytes.NewReader(e.data)
	switch {
	case e.dir:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case e.link != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
	case e.source != "":
		file, err := os.Open(e.source)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
		content = file
	default:
		header.Typeflag, header.Size = tar.TypeReg, int64(len(e.data))
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}
