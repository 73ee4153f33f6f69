package gittest

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Kind is the type of an object in a pack.
type Kind byte

// The types of objects.
const (
	CommitKind Kind = 1
	TreeKind   Kind = 2
	BlobKind   Kind = 3
	TagKind    Kind = 4
	ofsKind    Kind = 6
	refKind    Kind = 7
)

// String gives git's word.
func (k Kind) String() string {
	return map[Kind]string{CommitKind: "commit", TreeKind: "tree", BlobKind: "blob", TagKind: "tag"}[k]
}

// ID names an object.
func ID(kind Kind, data []byte) string {
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\x00", kind, len(data))
	sum.Write(data)
	return hex.EncodeToString(sum.Sum(nil))
}

// Pack is a pack that is being written. Nothing is checked.
type Pack struct {
	body    bytes.Buffer
	z       *zlib.Writer
	count   uint32
	offsets []int
}

// Add appends an object.
func (p *Pack) Add(kind Kind, data []byte) *Pack { return p.add(kind, len(data), nil, data) }

// AddOfs appends a delta to the object at an index.
func (p *Pack) AddOfs(base int, delta []byte) *Pack {
	return p.add(ofsKind, len(delta), offset(p.body.Len()+12-p.offsets[base]), delta)
}

// AddRef appends a delta to the object with a name.
func (p *Pack) AddRef(base string, delta []byte) *Pack {
	id, _ := hex.DecodeString(base)
	return p.add(refKind, len(delta), id, delta)
}

// AddSized appends an object whose header announces another size.
func (p *Pack) AddSized(kind Kind, size int, data []byte) *Pack { return p.add(kind, size, nil, data) }

func (p *Pack) add(kind Kind, size int, extra, data []byte) *Pack {
	p.offsets = append(p.offsets, p.body.Len()+12)
	p.count++
	c := byte(kind)<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		p.body.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	p.body.WriteByte(c)
	p.body.Write(extra)
	if p.z == nil {
		p.z, _ = zlib.NewWriterLevel(&p.body, zlib.BestSpeed)
	}
	p.z.Reset(&p.body)
	p.z.Write(data)
	p.z.Close()
	return p
}

// offset writes how far back a base is: seven bits a byte, the highest first,
// each but the last one less one.
func offset(n int) []byte {
	b := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		b = append([]byte{byte(n&0x7f) | 0x80}, b...)
	}
	return b
}

// Bytes gives the pack.
func (p *Pack) Bytes() []byte { return p.Counted(p.count) }

// Counted gives the pack with another count of objects in its header.
func (p *Pack) Counted(count uint32) []byte {
	head := append([]byte("PACK\x00\x00\x00\x02"), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(head[8:], count)
	out := append(head, p.body.Bytes()...)
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

// Delta makes a delta that copies the first bytes of the base and appends text.
func Delta(base []byte, keep int, text string) []byte {
	d := append(size(len(base)), size(keep+len(text))...)
	for at := 0; at < keep; at += 0xffff {
		n := min(0xffff, keep-at)
		d = append(d, 0x80|0x0f|0x30, byte(at), byte(at>>8), byte(at>>16), byte(at>>24), byte(n), byte(n>>8))
	}
	for ; len(text) > 0; text = text[min(len(text), 127):] {
		n := min(len(text), 127)
		d = append(append(d, byte(n)), text[:n]...)
	}
	return d
}

func size(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
