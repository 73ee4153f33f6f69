package contract

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func testFiles(t *testing.T, h Harness) {
	p := prepare(t, h)
	t.Run("what is written can be read, by commands too", func(t *testing.T) {
		for _, name := range []string{"plain", "deep/er/file"} {
			for _, text := range []string{"first, and longer\n", "second\n"} {
				path, err := p.WriteTemp(t.Context(), name, []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if data, err := p.ReadTemp(t.Context(), name, 100); err != nil || string(data) != text {
					t.Errorf("%s: %q, %v", name, data, err)
				}
				if out := p.output(t, "cat "+path); out != text {
					t.Errorf("%s for a command: %q", name, out)
				}
			}
		}
	})
	t.Run("an empty file is empty", func(t *testing.T) {
		if _, err := p.WriteTemp(t.Context(), "empty", nil); err != nil {
			t.Fatal(err)
		}
		if data, err := p.ReadTemp(t.Context(), "empty", 0); err != nil || len(data) != 0 {
			t.Errorf("%q, %v", data, err)
		}
	})
	t.Run("what a command appends is read", func(t *testing.T) {
		path, err := p.WriteTemp(t.Context(), "commands", nil)
		if err != nil {
			t.Fatal(err)
		}
		p.output(t, "echo a=b >> "+path+"; echo c=d >> "+path)
		if data, err := p.ReadTemp(t.Context(), "commands", 100); err != nil || string(data) != "a=b\nc=d\n" {
			t.Errorf("%q, %v", data, err)
		}
	})
	t.Run("a missing file says so", func(t *testing.T) {
		for _, name := range []string{"missing", "missing/too"} {
			if _, err := p.ReadTemp(t.Context(), name, 1); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("the limit holds", func(t *testing.T) {
		if _, err := p.WriteTemp(t.Context(), "sized", []byte("12345")); err != nil {
			t.Fatal(err)
		}
		if _, err := p.ReadTemp(t.Context(), "sized", 5); err != nil {
			t.Errorf("as large as allowed: %v", err)
		}
		if data, err := p.ReadTemp(t.Context(), "sized", 4); err == nil {
			t.Errorf("larger than allowed: %q", data)
		}
	})
	t.Run("names do not lead out", func(t *testing.T) {
		for _, name := range []string{"../file", "/etc/passwd", "a/../../file", ""} {
			if _, err := p.WriteTemp(t.Context(), name, nil); err == nil {
				t.Errorf("writes %q", name)
			}
			if _, err := p.ReadTemp(t.Context(), name, 1<<20); err == nil {
				t.Errorf("reads %q", name)
			}
		}
	})
}

// testHostileFiles puts things where files are expected, as a job can. $T is
// the temp directory.
func testHostileFiles(t *testing.T, h Harness) {
	secret := t.TempDir() + "/secret"
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	plant := func(t *testing.T, script string) place {
		t.Helper()
		p := prepare(t, h)
		// A container has none of this machine's files, but may have its own.
		p.output(t, "T="+p.Paths().Temp+"; S="+secret+`; [ -e $S ] || { mkdir -p "$(dirname $S)" && echo secret > $S; }; `+
			"mkdir $T/d; echo inside > $T/d/inside; "+script)
		return p
	}
	for _, test := range []struct{ name, script string }{
		{"a link to a file outside", `ln -s $S $T/d/file`},
		{"a link to a file inside", `ln -s inside $T/d/file`},
		{"a dangling link", `ln -s nothing $T/d/file`},
		{"a directory", `mkdir $T/d/file`},
		{"a pipe that nobody writes to", `mkfifo $T/d/file`},
		{"a link to the directory outside", `rm -r $T/d; mkdir $T/real; echo x > $T/real/file; ln -s "$(dirname $S)" $T/d; cp $T/real/file $T/d/file`},
		{"a link to the directory inside", `rm -r $T/d; mkdir $T/real; echo x > $T/real/file; ln -s real $T/d`},
	} {
		t.Run("reading refuses "+test.name, func(t *testing.T) {
			p := plant(t, test.script)
			if data, err := p.ReadTemp(t.Context(), "d/file", 1<<20); err == nil {
				t.Errorf("got %q", data)
			}
		})
	}
	t.Run("reading a huge file costs nothing", func(t *testing.T) {
		p := plant(t, `dd if=/dev/null of=$T/d/file bs=1 seek=1000000000000 2> /dev/null`)
		if data, err := p.ReadTemp(t.Context(), "d/file", 1<<20); err == nil {
			t.Errorf("got %d bytes", len(data))
		}
	})
	for _, test := range []struct{ name, script string }{
		{"a link", `ln -s $S $T/d/file`},
		{"a hard link", `ln $T/d/inside $T/d/file`},
		{"a pipe", `mkfifo $T/d/file`},
		{"a read-only file", `echo x > $T/d/file; chmod 400 $T/d/file`},
	} {
		t.Run("writing replaces "+test.name, func(t *testing.T) {
			p := plant(t, test.script)
			if _, err := p.WriteTemp(t.Context(), "d/file", []byte("new")); err != nil {
				t.Fatal(err)
			}
			if data, err := p.ReadTemp(t.Context(), "d/file", 100); err != nil || string(data) != "new" {
				t.Errorf("%q, %v", data, err)
			}
			if data, err := p.ReadTemp(t.Context(), "d/inside", 100); err != nil || string(data) != "inside\n" {
				t.Errorf("another file of the job: %q, %v", data, err)
			}
		})
	}
	t.Run("writing does not leave through a directory", func(t *testing.T) {
		p := plant(t, `rm -r $T/d; ln -s "$(dirname $S)" $T/d`)
		if path, err := p.WriteTemp(t.Context(), "d/file", nil); err == nil {
			t.Errorf("wrote %s", path)
		}
	})
	t.Run("a temp directory that was swapped is not followed", func(t *testing.T) {
		p := plant(t, `mv $T $T.old; ln -s "$(dirname $S)" $T`)
		if data, err := p.ReadTemp(t.Context(), "secret", 100); err == nil {
			t.Errorf("got %q", data)
		}
	})
	t.Run("files are for the job's user only", func(t *testing.T) {
		p := prepare(t, h)
		path, err := p.WriteTemp(t.Context(), "dir/script", []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		out := p.output(t, "ls -ldn "+path+" "+p.Paths().Temp+" "+p.Paths().Home+" | cut -c 1-10")
		if want := "-rw-------\ndrwx------\ndrwx------\n"; sortedLines(out) != sortedLines(want) {
			t.Errorf("modes are %q", out)
		}
	})
	if data, err := os.ReadFile(secret); err != nil || string(data) != "secret" {
		t.Errorf("the file outside is now %q, %v", data, err)
	}
}

func testPrograms(t *testing.T, h Harness) {
	p := prepare(t, h)
	t.Run("a program is found along the path", func(t *testing.T) {
		path, err := p.LookPath(t.Context(), "sh", "/no/such/dir:/usr/bin:/bin")
		if err != nil || !strings.HasSuffix(path, "/sh") {
			t.Errorf("%q, %v", path, err)
		}
	})
	if !h.Real {
		return
	}
	t.Run("a missing program is not found", func(t *testing.T) {
		for _, name := range []string{"no-such-program", "/no/such/program"} {
			for _, path := range []string{"/usr/bin:/bin", ""} {
				if at, err := p.LookPath(t.Context(), name, path); !errors.Is(err, exec.ErrNotFound) {
					t.Errorf("%s along %q: %q, %v", name, path, at, err)
				}
			}
		}
	})
	t.Run("the first executable file counts", func(t *testing.T) {
		bin := p.Paths().Temp + "/bin"
		p.output(t, "mkdir -p "+bin+"/1/tool "+bin+"/2 "+bin+"/3; echo x > "+bin+"/2/tool; chmod 600 "+bin+"/2/tool; echo '#!/bin/sh' > "+bin+"/3/tool; chmod 700 "+bin+"/3/tool")
		at, err := p.LookPath(t.Context(), "tool", bin+"/1:"+bin+"/2:"+bin+"/3")
		if err != nil || at != bin+"/3/tool" {
			t.Errorf("%q, %v", at, err)
		}
		if at, err := p.LookPath(t.Context(), bin+"/3/tool", ""); err != nil || at != bin+"/3/tool" {
			t.Errorf("by its path: %q, %v", at, err)
		}
	})
	t.Run("the directory that a command starts in is not searched", func(t *testing.T) {
		p.output(t, "echo '#!/bin/sh' > planted; chmod 700 planted")
		for _, path := range []string{"", ".", ":/bin", "/bin:"} {
			if at, err := p.LookPath(t.Context(), "planted", path); err == nil {
				t.Errorf("along %q: %s", path, at)
			}
		}
	})
	t.Run("commands are looked up along their own path", func(t *testing.T) {
		p.output(t, "mkdir -p own; printf '#!/bin/sh\\necho mine\\n' > own/tool; chmod 700 own/tool")
		var out buffer
		cmd := p.sh("")
		cmd.Path, cmd.Args, cmd.Stdout = "tool", nil, &out
		cmd.Env = append(cmd.Env, "PATH="+p.Paths().Workspace+"/own:/usr/bin:/bin")
		if _, err := p.Run(t.Context(), cmd); err != nil || out.String() != "mine\n" {
			t.Errorf("%q, %v", out.String(), err)
		}
	})
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// sameFile tells whether two paths name one file, links resolved. Those of a
// container can only be compared as they are.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	left, err := os.Stat(a)
	if err != nil {
		return false
	}
	right, err := os.Stat(b)
	return err == nil && os.SameFile(left, right)
}
