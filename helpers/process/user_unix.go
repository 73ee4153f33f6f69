//go:build unix

package process

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// User is who a command runs as.
type User struct {
	Name   string
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
}

// LookupUser finds a user of this machine by name. Commands can run as another
// user only when this process is root.
func LookupUser(name string) (*User, error) {
	account, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	u := &User{Name: account.Username}
	if u.UID, err = parseID(account.Uid); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	if u.GID, err = parseID(account.Gid); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	groups, err := account.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %q: %w", name, err)
	}
	for _, group := range groups {
		gid, err := parseID(group)
		if err != nil {
			return nil, fmt.Errorf("groups of user %q: %w", name, err)
		}
		u.Groups = append(u.Groups, gid)
	}
	return u, nil
}

func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err
}

// IsSelf tells that this process runs as the user already.
func (u *User) IsSelf() bool { return u == nil || int64(u.UID) == int64(os.Geteuid()) }

// MayRunAs tells whether this process can start commands as the user.
func (u *User) MayRunAs() bool { return u.IsSelf() || os.Geteuid() == 0 }

// In tells whether the user belongs to a group.
func (u *User) In(gid uint32) bool {
	if u.GID == gid {
		return true
	}
	for _, group := range u.Groups {
		if group == gid {
			return true
		}
	}
	return false
}

// credential is nil when nothing is to change: setting it takes privileges.
func (u *User) credential() *syscall.Credential {
	if u.IsSelf() {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
}
