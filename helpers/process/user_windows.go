package process

import (
	"errors"
	"fmt"
)

// User is who a command runs as. Here that is always this process's own user.
type User struct{ Name string }

// LookupUser gives an error: commands run as this process's user only.
func LookupUser(name string) (*User, error) {
	return nil, fmt.Errorf("run as user %q: %w", name, errors.ErrUnsupported)
}

// IsSelf tells that this process runs as the user already.
func (u *User) IsSelf() bool { return true }

// MayRunAs tells whether this process can start commands as the user.
func (u *User) MayRunAs() bool { return true }
