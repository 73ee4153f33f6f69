package images

import (
	"context"
	"errors"
	"io"
)

// Build gives the image of an action's Dockerfile. One that was built from the
// same content before, by whichever process, is used again. The builder's
// output goes to log.
func (s *Store) Build(ctx context.Context, request BuildRequest, log io.Writer) (*Image, error) {
	return nil, errors.New("images: not there yet")
}

// Prune removes images that Build made, and no others. Those that containers
// use stay, and those asked for within the last hour. It goes on after an
// error to remove what it can.
func (s *Store) Prune(ctx context.Context, limits PruneLimits) (Pruned, error) {
	return Pruned{}, errors.New("images: not there yet")
}
