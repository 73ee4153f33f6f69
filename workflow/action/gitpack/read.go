package gitpack

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// File is where a pack is kept while it is used.
type File interface {
	io.Writer
	io.ReadSeeker
}

// Pack is a pack that was read. It is not safe for concurrent use.
type Pack struct {
	limits  Limits
	scanner *packfile.Scanner // over the file
	objects []object
	byHash  map[plumbing.Hash]int
	bases   *cache.BufferLRU
	work    int64 // bytes that may still be inflated or patched
}

// object is one entry of the pack.
type object struct {
	offset int64
	size   int64               // declared: of the delta where it is one
	kind   plumbing.ObjectType // of what a delta stands for, once that is known
	delta  bool
	base   int           // of a delta: index of its base, -1 while only baseID is known
	baseID plumbing.Hash // of a delta with baseID
	id     plumbing.Hash
	held   []byte // inflated, nil when it is to be read from the file
}

// Read reads a pack to its end, keeps it in the file, which is empty, and
// checks it. An error of r comes back as it is; what is wrong with the pack is
// ErrMalformed or ErrLimit.
func Read(r io.Reader, file File, limits Limits) (*Pack, error) {
	source := &source{r: r, file: file, left: limits.Pack}
	p := &Pack{
		limits: limits,
		byHash: map[plumbing.Hash]int{},
		bases:  cache.NewBufferLRU(cacheBudget),
		// Each byte of a file is inflated twice at most. Chains of deltas need more.
		work: 8 * (limits.Files + limits.Held),
	}
	err := p.index(source)
	if source.err != nil {
		return nil, source.err
	}
	if err != nil {
		return nil, err
	}
	p.scanner = packfile.NewScanner(file)
	return p, p.resolve()
}

// source bounds the pack, keeps it, and remembers the error of the connection
// or the file, so that it is told from a fault of the pack.
type source struct {
	r    io.Reader
	file io.Writer
	left int64
	err  error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if s.left -= int64(n); s.left < 0 {
		err = limitf("the pack is larger than the limit")
	}
	if _, failed := s.file.Write(b[:n]); failed != nil {
		err = fmt.Errorf("the pack could not be kept: %w", failed)
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// index reads all objects once, in order.
func (p *Pack) index(r io.Reader) error {
	scanner := packfile.NewScanner(r)
	_, count, err := scanner.Header()
	if err != nil {
		return malformed("%v", err)
	}
	if int64(count) > int64(p.limits.Objects) {
		return limitf("it has %d objects, at most %d are taken", count, p.limits.Objects)
	}
	byOffset := map[int64]int{}
	budget := heldBudget
	for i := range int(count) {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return malformed("object %d: %v", i+1, err)
		}
		o, err := p.entry(header, byOffset)
		if err != nil {
			return err
		}
		if err := p.inflate(scanner, &o, &budget); err != nil {
			return err
		}
		byOffset[o.offset] = i
		p.objects = append(p.objects, o)
		if !o.delta {
			p.byHash[o.id] = i
		}
	}
	if _, err := scanner.Checksum(); err != nil {
		return malformed("%v", err)
	}
	return nil
}

// entry takes what stands before an object's content.
func (p *Pack) entry(header *packfile.ObjectHeader, byOffset map[int64]int) (object, error) {
	o := object{offset: header.Offset, size: header.Length, kind: header.Type, base: -1}
	limit := p.limits.Held
	switch header.Type {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.TagObject:
	case plumbing.BlobObject:
		limit = p.limits.Files
	case plumbing.OFSDeltaObject:
		base, known := byOffset[header.OffsetReference]
		if !known {
			return o, malformed("a delta refers to no object")
		}
		o.delta, o.base = true, base
	case plumbing.REFDeltaObject:
		o.delta, o.baseID = true, header.Reference
	default:
		return o, malformed("an object is of no known type")
	}
	if o.size < 0 || o.size > limit {
		return o, limitf("an object has %d bytes, at most %d are taken", o.size, limit)
	}
	return o, p.spend(o.size)
}

func (p *Pack) spend(n int64) error {
	if p.work -= n; p.work < 0 {
		return limitf("its objects are too much to unpack")
	}
	return nil
}

// inflate reads an object's content: what is small is held, and what is no
// delta gets its name.
func (p *Pack) inflate(scanner *packfile.Scanner, o *object, budget *int) error {
	var held *bytes.Buffer
	var to io.Writer = io.Discard
	if o.size <= heldEach && int(o.size) <= *budget {
		held = bytes.NewBuffer(make([]byte, 0, o.size))
		*budget -= int(o.size)
		to = held
	}
	var hash hasher
	if !o.delta {
		hash = newHasher(o.kind, o.size)
		to = io.MultiWriter(to, hash)
	}
	n, _, err := scanner.NextObject(to)
	if err != nil {
		return malformed("%v", err)
	}
	if n != o.size {
		return malformed("an object has %d bytes, %d were announced", n, o.size)
	}
	if held != nil {
		o.held = held.Bytes()
	}
	if !o.delta {
		o.id, err = hash.name()
	}
	return err
}

// resolve names all objects that are deltas. Most have bases that stand before
// them, so that one round is all; what refers to its base by name may not.
func (p *Pack) resolve() error {
	var open []int
	for i, o := range p.objects {
		if o.delta {
			open = append(open, i)
		}
	}
	for range maxRounds {
		if len(open) == 0 {
			return nil
		}
		var later []int
		for _, i := range open {
			done, err := p.name(i)
			if err != nil {
				return err
			}
			if !done {
				later = append(later, i)
			}
		}
		if len(later) == len(open) {
			return malformed("%d deltas have no base: %s is %v", len(later), p.objects[later[0]].baseID, ErrMissing)
		}
		open = later
	}
	return malformed("its deltas are in no order")
}

// name gives a delta its type and name, or says that its base has none yet.
func (p *Pack) name(i int) (bool, error) {
	o := &p.objects[i]
	if o.base < 0 {
		base, known := p.byHash[o.baseID]
		if !known {
			return false, nil
		}
		o.base = base
	}
	base := &p.objects[o.base]
	if base.id.IsZero() {
		return false, nil
	}
	content, err := p.content(i)
	if err != nil {
		return false, err
	}
	o.kind = base.kind
	hash := newHasher(o.kind, int64(len(content)))
	_, _ = hash.Write(content) // a hash takes everything
	if o.id, err = hash.name(); err != nil {
		return false, err
	}
	p.byHash[o.id] = i
	return true, nil
}

// content gives an object's bytes, deltas applied. They must not be changed.
func (p *Pack) content(i int) ([]byte, error) {
	var chain []int // from the delta to its base
	var content []byte
	for {
		o := &p.objects[i]
		if cached, ok := p.bases.Get(int64(i)); ok {
			content = cached
			break
		}
		if !o.delta {
			var err error
			if content, err = p.raw(i); err != nil {
				return nil, err
			}
			p.bases.Put(int64(i), content)
			break
		}
		if chain = append(chain, i); len(chain) > maxChain {
			return nil, limitf("%d deltas upon each other", len(chain))
		}
		i = o.base
	}
	for k := len(chain) - 1; k >= 0; k-- {
		var err error
		if content, err = p.patch(content, chain[k]); err != nil {
			return nil, err
		}
		p.bases.Put(int64(chain[k]), content)
	}
	return content, nil
}

// raw gives an object's bytes as they are in the pack.
func (p *Pack) raw(i int) ([]byte, error) {
	o := &p.objects[i]
	if o.held != nil {
		return o.held, nil
	}
	if o.size > p.limits.Held {
		return nil, limitf("an object has %d bytes, at most %d can be held", o.size, p.limits.Held)
	}
	buffer := bytes.NewBuffer(make([]byte, 0, o.size))
	if err := p.copy(buffer, i); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// copy inflates an object again.
func (p *Pack) copy(w io.Writer, i int) error {
	o := &p.objects[i]
	if err := p.spend(o.size); err != nil {
		return err
	}
	if _, err := p.scanner.SeekObjectHeader(o.offset); err != nil {
		return fmt.Errorf("the pack could not be read again: %w", err)
	}
	if _, _, err := p.scanner.NextObject(w); err != nil {
		return fmt.Errorf("an object could not be copied: %w", err)
	}
	return nil
}

// patch applies a delta. Its result is bounded before it is made.
func (p *Pack) patch(base []byte, i int) ([]byte, error) {
	delta, err := p.raw(i)
	if err != nil {
		return nil, err
	}
	_, rest := varint(delta)
	size, _ := varint(rest)
	if size > uint64(p.limits.Held) {
		return nil, limitf("an object has %d bytes, at most %d can be held", size, p.limits.Held)
	}
	if err := p.spend(int64(size)); err != nil {
		return nil, err
	}
	content, err := packfile.PatchDelta(base, delta)
	if err != nil {
		return nil, malformed("%v", err)
	}
	return content, nil
}

// varint reads a size as deltas begin with: seven bits a byte, the lowest first.
func varint(b []byte) (uint64, []byte) {
	var n uint64
	for i, c := range b {
		if i < 10 {
			n |= uint64(c&0x7f) << (7 * i)
		}
		if c&0x80 == 0 {
			return n, b[i+1:]
		}
	}
	return n, nil
}
