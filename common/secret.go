package common

// Secret is text that must not be printed. Every way of formatting or
// encoding it gives a placeholder; only Reveal gives the text.
type Secret struct{ text string }

const redacted = "[redacted]"

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal gives the text. Call it only where the text leaves for the one place
// that needs it: a request header, a job's environment.
func (s Secret) Reveal() string { return s.text }

// IsZero tells whether there is no text.
func (s Secret) IsZero() bool { return s.text == "" }

// String never gives the text.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return redacted
}

// GoString never gives the text, so that %#v is safe too.
func (s Secret) GoString() string { return "common.Secret(" + redacted + ")" }

// MarshalText never gives the text; it serves JSON and TOML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text, for decoders of config files.
func (s *Secret) UnmarshalText(text []byte) error {
	s.text = string(text)
	return nil
}
