package gittest

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
)

// File is a file of a commit.
type File struct{ Mode, Data string }

// Text is an ordinary file.
func Text(data string) File { return File{"100644", data} }

// Program is an executable file.
func Program(data string) File { return File{"100755", data} }

// Link is a symbolic link.
func Link(target string) File { return File{"120000", target} }

// Submodule is a commit of another repository.
func Submodule(id string) File { return File{"160000", id} }

// Files are the files of a commit by their slash-separated path.
type Files map[string]File

// Object is an object of a repository.
type Object struct {
	Kind Kind
	Data []byte
}

// Repo is a repository of a Server. It is safe for concurrent use.
type Repo struct {
	mu      sync.Mutex
	objects map[string]Object
	refs    map[string]string
	tokens  []string
	pack    []byte // sent in place of an honest one
}

// Store adds an object of any content and gives its name.
func (r *Repo) Store(kind Kind, data []byte) string {
	id := ID(kind, data)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objects[id] = Object{kind, data}
	return id
}

// Commit adds a commit of some files, without parents, and gives its name.
func (r *Repo) Commit(files Files) string {
	return r.CommitTree(r.tree(files))
}

// CommitTree adds a commit of a tree.
func (r *Repo) CommitTree(tree string) string {
	return r.Store(CommitKind, []byte("tree "+tree+"\nauthor a <a@b> 1700000000 +0000\ncommitter a <a@b> 1700000000 +0000\n\nx\n"))
}

// Tag points a tag at an object, Branch a branch.
func (r *Repo) Tag(name, id string) { r.Ref("refs/tags/"+name, id) }

// Branch points a branch at a commit.
func (r *Repo) Branch(name, id string) { r.Ref("refs/heads/"+name, id) }

// Ref points a ref at an object, or removes it when id is empty.
func (r *Repo) Ref(name, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refs[name] = id; id == "" {
		delete(r.refs, name)
	}
}

// Annotate adds a tag object, points a tag at it and gives its name.
func (r *Repo) Annotate(name, id string) string {
	tag := r.Store(TagKind, fmt.Appendf(nil, "object %s\ntype commit\ntag %s\ntagger a <a@b> 1700000000 +0000\n\nx\n", id, name))
	r.Tag(name, tag)
	return tag
}

// Private lets in only who has one of the tokens as a password; without any
// it lets in everybody again.
func (r *Repo) Private(tokens ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = tokens
}

// Send makes every fetch answer with these bytes in place of a pack. Nil ends that.
func (r *Repo) Send(pack []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pack = pack
}

// tree adds the trees and blobs of some files.
func (r *Repo) tree(files Files) string {
	entries := map[string]File{}
	below := map[string]Files{}
	for name, file := range files {
		first, rest, deep := strings.Cut(name, "/")
		if !deep {
			if entries[first] = file; file.Mode != "160000" {
				entries[first] = File{file.Mode, r.Store(BlobKind, []byte(file.Data))}
			}
			continue
		}
		if below[first] == nil {
			below[first] = Files{}
		}
		below[first][rest] = file
	}
	for name, files := range below {
		entries[name] = File{"40000", r.tree(files)}
	}
	names := slices.Collect(maps.Keys(entries))
	sort.Slice(names, func(i, j int) bool { return sortKey(names[i], entries) < sortKey(names[j], entries) })
	var raw []Entry
	for _, name := range names {
		raw = append(raw, Entry{entries[name].Mode, name, entries[name].Data})
	}
	return r.Store(TreeKind, Tree(raw...))
}

// sortKey is git's order: directories as if their name ended in a slash.
func sortKey(name string, entries map[string]File) string {
	if entries[name].Mode == "40000" {
		return name + "/"
	}
	return name
}

// Entry is an entry of a tree.
type Entry struct{ Mode, Name, ID string }

// Tree writes a tree of any entries.
func Tree(entries ...Entry) []byte {
	var b []byte
	for _, e := range entries {
		id, _ := hex.DecodeString(e.ID)
		b = append(fmt.Appendf(b, "%s %s\x00", e.Mode, e.Name), id...)
	}
	return b
}

// Pack gives the pack that an honest server sends for an object.
func (r *Repo) Pack(id string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packLocked(id)
}

func (r *Repo) packLocked(id string) []byte {
	if r.pack != nil {
		return r.pack
	}
	var p Pack
	seen := map[string]bool{}
	r.reach(id, seen, &p)
	return p.Bytes()
}

// reach adds an object and what it leads to.
func (r *Repo) reach(id string, seen map[string]bool, p *Pack) {
	o, known := r.objects[id]
	if seen[id] || !known {
		return
	}
	seen[id] = true
	p.Add(o.Kind, o.Data)
	switch o.Kind {
	case CommitKind, TagKind:
		_, rest, _ := strings.Cut(string(o.Data), " ")
		r.reach(rest[:40], seen, p)
	case TreeKind:
		for data := o.Data; len(data) > 0; {
			end := slices.Index(data, 0)
			r.reach(hex.EncodeToString(data[end+1:end+21]), seen, p)
			data = data[end+21:]
		}
	}
}
