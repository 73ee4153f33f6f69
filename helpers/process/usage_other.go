//go:build !linux

package process

import "errors"

// TreeUsage is for Linux only.
func TreeUsage([]Root) (own, below Usage, err error) { return own, below, errors.ErrUnsupported }
