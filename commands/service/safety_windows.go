package service

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// Account is whom a service runs as.
type Account struct {
	name string
	sid  string
}

// LookupAccount finds an account; an empty name means LocalSystem.
func LookupAccount(name string) (Account, error) {
	if name == "" {
		return Account{name: "LocalSystem", sid: "SY"}, nil
	}
	sid, _, _, err := windows.LookupSID("", name)
	if err != nil {
		return Account{}, fmt.Errorf(`--user: account %q: %w: make it first, or use one of the system's (NT AUTHORITY\LocalService, NT AUTHORITY\NetworkService)`, name, err)
	}
	return Account{name: name, sid: sid.String()}, nil
}

// Name is the account's.
func (a Account) Name() string { return a.name }

// IsRoot is always false: what jobs may do here is a matter of the account
// that a person has chosen.
func (a Account) IsRoot() bool { return false }

// The access control lists of programs and configurations are not looked at:
// they are inherited from directories that Windows protects.

func (a Account) CheckProtected(path string) error {
	_, err := os.Stat(path)
	return err
}

func (a Account) CheckReadable(_ context.Context, path string) error { return a.CheckProtected(path) }
func (a Account) CheckRunnable(_ context.Context, path string) error { return a.CheckProtected(path) }

// MakeStateDir makes the state directory for the account, administrators and
// the system, and nobody else.
func (a Account) MakeStateDir(_ context.Context, dir string, _ bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	// Protected: nothing is inherited from above. OICI: what is made in it is
	// protected alike.
	descriptor, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + a.sid + ")")
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	acl, _, err := descriptor.DACL()
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
	if err != nil {
		return fmt.Errorf("state directory: who may enter %s: %w", dir, err)
	}
	return nil
}
