package common

import (
	"fmt"
	"io"
	"strconv"
	"unique"
)

// Secret is text that must not be printed. Every way of formatting or
// encoding it gives a placeholder; only Reveal gives the text. Two secrets
// with the same text are equal (==).
type Secret struct {
	// Not the text itself: fmt calls no methods on unexported fields, and
	// would print it wherever a struct has a Secret in one. Of a handle it
	// prints an address.
	text unique.Handle[string]
}

const redacted = "[redacted]"

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal gives the text. Call it only where the text leaves for the one place
// that needs it: a request header, a job's environment.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero tells whether there is no text.
func (s Secret) IsZero() bool { return s == Secret{} }

// Equal is ==, for packages that compare by method.
func (s Secret) Equal(other Secret) bool { return s == other }

// String never gives the text.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString never gives the text, so that %#v is safe too.
func (s Secret) GoString() string { return "common.Secret(" + redacted + ")" }

// Format never gives the text, whatever the verb.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'v' && f.Flag('#'):
		text = s.GoString()
	}
	io.WriteString(f, text)
}

// MarshalText never gives the text; it serves JSON and TOML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text, for decoders of config files.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
