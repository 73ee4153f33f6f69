package gitpack

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/pjbgf/sha1cd"
)

// hasher names an object.
type hasher struct{ sum sha1cd.CollisionResistantHash }

func newHasher(kind plumbing.ObjectType, size int64) hasher {
	h := hasher{sha1cd.New().(sha1cd.CollisionResistantHash)}
	fmt.Fprintf(h.sum, "%s %d\x00", kind, size)
	return h
}

func (h hasher) Write(b []byte) (int, error) { return h.sum.Write(b) }

// name gives the object's name, or an error for one that was made to have the
// name of another.
func (h hasher) name() (plumbing.Hash, error) {
	var id plumbing.Hash
	sum, collision := h.sum.CollisionResistantSum(nil)
	copy(id[:], sum)
	if collision {
		return id, fmt.Errorf("object %s: %w: its bytes were made to collide with another's name", id, ErrRefused)
	}
	return id, nil
}
