package gitpack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// node is one entry of a tree.
type node struct {
	kind nodeKind
	name string
	id   plumbing.Hash
}

type nodeKind int

const (
	fileNode nodeKind = iota
	programNode
	linkNode
	directoryNode
	submoduleNode
)

// find gives an object of the pack that has one of the kinds.
func (p *Pack) find(id plumbing.Hash, kind plumbing.ObjectType) (int, error) {
	i, known := p.byHash[id]
	if !known {
		return 0, fmt.Errorf("%s %s: %w", kind, id, ErrMissing)
	}
	if got := p.objects[i].kind; got != kind {
		return 0, malformed("%s is a %s, not a %s", id, got, kind)
	}
	return i, nil
}

func parseID(text string) (plumbing.Hash, error) {
	var id plumbing.Hash
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, malformed("%q is not the name of an object", text[:min(len(text), 60)])
	}
	copy(id[:], raw)
	return id, nil
}

// commit follows tags to a commit, and gives it and its tree.
func (p *Pack) commit(id plumbing.Hash) (commit, tree plumbing.Hash, err error) {
	for range maxTags {
		i, known := p.byHash[id]
		if !known {
			return id, tree, fmt.Errorf("commit %s: %w", id, ErrMissing)
		}
		content, err := p.content(i)
		if err != nil {
			return id, tree, err
		}
		switch kind := p.objects[i].kind; kind {
		case plumbing.CommitObject:
			tree, err = header(content, "tree")
			return id, tree, err
		case plumbing.TagObject:
			if id, err = header(content, "object"); err != nil {
				return id, tree, err
			}
		default:
			return id, tree, fmt.Errorf("%s is a %s, not a commit: %w", id, kind, ErrRefused)
		}
	}
	return id, tree, malformed("a tag leads to no commit")
}

// header gives the object that the first line of a commit or tag names.
func header(content []byte, key string) (plumbing.Hash, error) {
	line, _, _ := bytes.Cut(content[:min(len(content), 100)], []byte("\n"))
	text, found := strings.CutPrefix(string(line), key+" ")
	if !found {
		return plumbing.ZeroHash, malformed("an object does not begin with its %s", key)
	}
	return parseID(text)
}

// nodes parses a tree: mode, space, name, NUL and 20 bytes for each entry.
func nodes(content []byte) ([]node, error) {
	var list []node
	for len(content) > 0 {
		mode, rest, found := bytes.Cut(content, []byte(" "))
		name, rest, ended := bytes.Cut(rest, []byte("\x00"))
		if !found || !ended || len(rest) < len(plumbing.Hash{}) {
			return nil, malformed("a tree ends within an entry")
		}
		n := node{name: string(name)}
		copy(n.id[:], rest)
		content = rest[len(n.id):]
		var err error
		if n.kind, err = kindOf(string(mode)); err != nil {
			return nil, err
		}
		if err := checkName(n.name); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

func kindOf(mode string) (nodeKind, error) {
	switch mode {
	case "100644", "100664": // the latter was written long ago
		return fileNode, nil
	case "100755":
		return programNode, nil
	case "120000":
		return linkNode, nil
	case "40000", "040000":
		return directoryNode, nil
	case "160000":
		return submoduleNode, nil
	}
	return 0, malformed("%q is not the mode of a file", mode[:min(len(mode), 20)])
}

// checkName refuses what is no name of a file on this system, and what git
// itself refuses: a repository within the tree.
func checkName(name string) error {
	switch lower := strings.ToLower(name); {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"),
		lower == ".git" || lower == "git~1",
		len(name) > maxName || !validHere(name):
		return fmt.Errorf("%w: a file named %q", ErrRefused, name[:min(len(name), 80)])
	}
	return nil
}
