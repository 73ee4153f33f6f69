package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "multirunner"

// rooms are the top-level packages with the floor that each is on. A room
// imports rooms of lower floors only; rooms of one floor do not know each
// other. This is the table of docs/architecture.md.
var rooms = map[string]int{
	"main":      4,
	"commands":  3,
	"network":   2,
	"executors": 2,
	"workflow":  2,
	"common":    1,
	"helpers":   0,
}

// doors are the imports that the table alone would forbid, each with its reason.
var doors = map[[2]string]string{
	{"network/coordinator", "workflow/model"}:      "the in-process server plans workflows as a server does",
	{"network/coordinator", "workflow/expression"}: "the in-process server evaluates conditions of jobs as a server does",
}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func goList(t *testing.T) []listed {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "-tags", "real soak", "./...")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(&stdout); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// place gives a package's path in the module and its room.
func place(importPath string) (path, room string) {
	if importPath == module {
		return "main", "main"
	}
	path = strings.TrimPrefix(importPath, module+"/")
	room, _, _ = strings.Cut(path, "/")
	return path, room
}

func TestImportsRunOneWay(t *testing.T) {
	packages := goList(t)
	if len(packages) < len(rooms) {
		t.Fatalf("go list found %d packages", len(packages))
	}
	seen := map[string]bool{}
	for _, p := range packages {
		path, room := place(p.ImportPath)
		floor, known := rooms[room]
		if !known {
			t.Errorf("package %s is in no room of the house", p.ImportPath)
			continue
		}
		seen[room] = true
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			toPath, toRoom := place(imported)
			if room == toRoom || rooms[toRoom] < floor || doors[[2]string{path, toPath}] != "" {
				continue
			}
			t.Errorf("%s imports %s: %s may not know %s", path, toPath, room, toRoom)
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("no package in room %s", room)
		}
	}
}

func TestHelpersKnowNothingOfOurs(t *testing.T) {
	for _, p := range goList(t) {
		path, room := place(p.ImportPath)
		if room != "helpers" {
			continue
		}
		for _, imported := range p.Imports {
			if to, toRoom := place(imported); strings.HasPrefix(imported, module+"/") && toRoom != "helpers" {
				t.Errorf("%s imports %s", path, to)
			}
		}
	}
}
