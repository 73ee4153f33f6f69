package policy

import (
	"fmt"

	shellquote "github.com/kballard/go-shellquote"
)

// refusal is that an option is not allowed, and what would allow it.
type refusal struct {
	allow string // the entry of allowed_options
}

func (r refusal) Error() string {
	return fmt.Sprintf("not allowed on this runner (its operator can allow it: allowed_options = [%q] in [runners.docker])", r.allow)
}

// tooMuch is that a limit is exceeded.
type tooMuch struct {
	asked, most string
	key         string // of [runners.docker]
}

func (e tooMuch) Error() string {
	return fmt.Sprintf("asks for %s, this runner allows %s (%s in [runners.docker])", e.asked, e.most, e.key)
}

// quoting says what is wrong with the quotes of a text.
func quoting(err error) error {
	switch err {
	case shellquote.UnterminatedSingleQuoteError:
		return fmt.Errorf("a ' is not closed")
	case shellquote.UnterminatedDoubleQuoteError:
		return fmt.Errorf(`a " is not closed`)
	case shellquote.UnterminatedEscapeError:
		return fmt.Errorf(`nothing follows the \ at the end`)
	}
	return err
}

// allowed tells whether the operator allows an option of a workflow. value is
// in the one form that says what is meant.
func (p *Policy) allowed(name, value string) error {
	whole := "--" + name
	if value != "" {
		whole += "=" + value
	}
	for _, pattern := range p.docker.AllowedOptions {
		if matches(pattern, "--"+name) || matches(pattern, whole) {
			return nil
		}
	}
	return refusal{whole}
}
