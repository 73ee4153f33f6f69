package command

import (
	"errors"
	"fmt"
	"strings"
)

// Scanner reads the output of one step line by line and knows when
// stop-commands holds. One serves both streams of a step; it is not safe for
// concurrent use. The zero Scanner obeys commands.
type Scanner struct {
	token string // resumes; "" while commands are obeyed
}

// Scan reads a line. It is false when the line is plain output, which every
// line is between stop-commands and its token.
func (s *Scanner) Scan(line string) (Command, bool) {
	if s.token == "" {
		return Parse(line)
	}
	if h, ok := splitColons(line); ok && strings.EqualFold(h.word, s.token) {
		s.token = ""
		return Command{Name: Resume}, true
	}
	return Command{}, false
}

// Stopped tells whether stop-commands holds.
func (s *Scanner) Stopped() bool { return s.token != "" }

// Stop obeys a stop-commands with its token: from here on nothing is a command
// but ::token::. A token that anything else could write by chance is refused.
func (s *Scanner) Stop(token string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	s.token = token
	return nil
}

func checkToken(token string) error {
	if strings.TrimSpace(token) == "" {
		return errors.New("stop-commands needs a token that ends the pause: write ::stop-commands::TOKEN with random text")
	}
	_, isCommand := lookup(token)
	if isCommand || strings.EqualFold(token, "pause-logging") {
		return fmt.Errorf("stop-commands cannot take %q as its token, it is the name of a command: choose random text", token)
	}
	return nil
}
