package gitwire

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Bounds of lists of refs: the largest repositories have some hundred thousand.
const (
	maxRefs     = 2_000_000
	maxRefBytes = 256 << 20
)

// advert is how a server introduces itself.
type advert struct {
	v2   bool
	refs []Ref           // of the first version: all
	caps map[string]bool // of the first version
}

// readAdvert reads what a server sends first. service is whether it begins with
// the name of the service, as over HTTP.
func readAdvert(p *packetReader, service bool) (*advert, error) {
	text, kind, err := p.line()
	if err != nil {
		return nil, err
	}
	if service && strings.HasPrefix(text, "# service=") {
		if _, kind, err = p.line(); err == nil && kind == flushPacket {
			text, kind, err = p.line()
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case text == "version 2":
		return readAbilities(p)
	case text == "version 1":
		if text, kind, err = p.line(); err != nil {
			return nil, err
		}
	}
	return readRefs(p, text, kind)
}

// readAbilities reads the second version's introduction.
func readAbilities(p *packetReader) (*advert, error) {
	found := map[string]bool{}
	for {
		text, kind, err := p.line()
		if err != nil {
			return nil, err
		}
		if kind != dataPacket {
			break
		}
		key, value, _ := strings.Cut(text, "=")
		found[key] = true
		if key == "object-format" && value != "sha1" {
			return nil, fmt.Errorf("%w: its repository names objects with %s, this runner knows SHA-1", ErrNotGit, oneLine(value))
		}
	}
	if !found["ls-refs"] || !found["fetch"] {
		return nil, fmt.Errorf("%w: it offers no fetch", ErrNotGit)
	}
	return &advert{v2: true}, nil
}

// readRefs reads the first version's introduction, whose first line carries
// the server's abilities too.
func readRefs(p *packetReader, first string, kind packetKind) (*advert, error) {
	a := &advert{caps: map[string]bool{}}
	text, caps, _ := strings.Cut(first, "\x00")
	for _, c := range strings.Fields(caps) {
		a.caps[c] = true
	}
	size := 0
	for kind == dataPacket {
		id, name, found := strings.Cut(text, " ")
		switch {
		case !found || !isID(id):
			return nil, fmt.Errorf("%w: %q is not a ref", ErrNotGit, oneLine(text))
		case name == "capabilities^{}": // an empty repository
		case strings.HasSuffix(name, "^{}"):
			if n := len(a.refs); n > 0 && a.refs[n-1].Name+"^{}" == name {
				a.refs[n-1].Peeled = id
			}
		default:
			a.refs = append(a.refs, Ref{Name: name, ID: id})
		}
		if size += len(text); len(a.refs) > maxRefs || size > maxRefBytes {
			return nil, fmt.Errorf("%w: it has too many refs", ErrNotGit)
		}
		var err error
		if text, kind, err = p.line(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func isID(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 40
}

// listRequest asks for refs in the second version.
func listRequest(names []string) []byte {
	var p packets
	p.line("command=ls-refs").line("agent=" + agent).delimiter().line("peel")
	for _, name := range names {
		p.line("ref-prefix " + name)
	}
	return p.flush().Bytes()
}

// readList reads the answer.
func readList(p *packetReader) ([]Ref, error) {
	var refs []Ref
	size := 0
	for {
		text, kind, err := p.line()
		if err != nil {
			return nil, err
		}
		if kind != dataPacket {
			return refs, nil
		}
		fields := strings.Fields(text)
		if len(fields) < 2 || !isID(fields[0]) && fields[0] != "unborn" {
			return nil, fmt.Errorf("%w: %q is not a ref", ErrNotGit, oneLine(text))
		}
		if fields[0] == "unborn" {
			continue
		}
		ref := Ref{Name: fields[1], ID: fields[0]}
		for _, attribute := range fields[2:] {
			if id, ok := strings.CutPrefix(attribute, "peeled:"); ok && isID(id) {
				ref.Peeled = id
			}
		}
		refs = append(refs, ref)
		if size += len(text); len(refs) > maxRefs || size > maxRefBytes {
			return nil, fmt.Errorf("%w: it has too many refs", ErrNotGit)
		}
	}
}

// fetchRequest asks for one commit in the second version.
func fetchRequest(id string) []byte {
	var p packets
	p.line("command=fetch").line("agent=" + agent).delimiter().
		line("no-progress").line("ofs-delta").line("deepen 1").line("want " + id).line("done").flush()
	return p.Bytes()
}

// packOf reads the second version's answer up to the pack.
func packOf(p *packetReader) (*sideband, error) {
	for {
		text, kind, err := p.line()
		switch {
		case err != nil:
			return nil, err
		case kind == flushPacket || kind == endPacket:
			return nil, fmt.Errorf("%w: its answer has no pack", ErrNotGit)
		case text == "packfile":
			return &sideband{packets: p}, nil
		}
	}
}

// oldRequest asks for one commit in the first version. Where the server gives
// only what a ref leads to, it asks for all refs with their history.
func (a *advert) oldRequest(id string) ([]byte, error) {
	if !a.caps["side-band-64k"] {
		return nil, fmt.Errorf("%w: it is too old", ErrNotGit)
	}
	wants := []string{id}
	shallow := a.caps["shallow"]
	if !a.gives(id) {
		wants, shallow = a.all(), false
	}
	if len(wants) == 0 {
		return nil, ErrNoCommit
	}
	var p packets
	options := " side-band-64k"
	for _, c := range []string{"ofs-delta", "no-progress"} {
		if a.caps[c] {
			options += " " + c
		}
	}
	for _, want := range wants {
		p.line("want " + want + options)
		options = ""
	}
	if shallow {
		p.line("deepen 1")
	}
	return p.flush().line("done").Bytes(), nil
}

// gives tells whether the server lets one ask for an object.
func (a *advert) gives(id string) bool {
	if a.caps["allow-reachable-sha1-in-want"] || a.caps["allow-any-sha1-in-want"] {
		return true
	}
	for _, ref := range a.refs {
		if ref.ID == id {
			return true
		}
	}
	return false
}

func (a *advert) all() []string {
	var ids []string
	seen := map[string]bool{}
	for _, ref := range a.refs {
		if !seen[ref.ID] {
			seen[ref.ID] = true
			ids = append(ids, ref.ID)
		}
	}
	return ids
}

// oldPackOf reads the first version's answer up to the pack.
func oldPackOf(p *packetReader) (*sideband, error) {
	for {
		text, kind, err := p.line()
		switch {
		case err != nil:
			return nil, err
		case kind == dataPacket && (text == "NAK" || strings.HasPrefix(text, "ACK ")):
			return &sideband{packets: p}, nil
		case kind == dataPacket && !strings.HasPrefix(text, "shallow ") && !strings.HasPrefix(text, "unshallow "):
			return nil, fmt.Errorf("%w: %q is no answer to a fetch", ErrNotGit, oneLine(text))
		}
	}
}
