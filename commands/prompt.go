package commands

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"multirunner/common"
)

// question is something that register needs to know.
type question struct {
	flags   string // what gives the answer without asking
	prompt  string
	secret  bool
	preset  string // the answer of an empty line
	missing func() bool
	take    func(answer string) error
}

// questions are those of register, in the order in which they are asked.
func (e *Env) questions(reg *newRegistration) []question {
	r := &reg.runner
	tokenPrompt := "Registration token (server settings, Actions → Runners): "
	if r.UUID != "" {
		tokenPrompt = "Token of the runner: "
	}
	hostname, err := e.Hostname()
	if err != nil {
		hostname = ""
	}
	return []question{
		{
			flags: "--url", prompt: "URL of the instance (https://git.example.org): ",
			missing: func() bool { return r.URL == "" },
			take: func(answer string) error {
				r.URL = strings.TrimRight(answer, "/")
				if !strings.HasPrefix(answer, "https://") && !strings.HasPrefix(answer, "http://") {
					return errors.New("a URL begins with https:// or http://")
				}
				return nil
			},
		},
		{
			flags: "--token (or --token-file)", prompt: tokenPrompt, secret: true,
			missing: func() bool { return reg.token.IsZero() },
			take:    func(answer string) error { reg.token = common.NewSecret(answer); return nil },
		},
		{
			flags: "--name", prompt: "Name of the registration", preset: hostname,
			missing: func() bool { return r.Name == "" },
			take:    func(answer string) error { r.Name = answer; return nil },
		},
		{
			flags: "--labels", prompt: "Labels, with commas between them", preset: runtime.GOOS + ":host",
			missing: func() bool { return len(r.Labels) == 0 },
			take: func(answer string) error {
				r.Labels = splitLabels([]string{answer})
				for _, label := range r.Labels {
					if _, err := common.ParseLabel(label); err != nil {
						return err
					}
				}
				return nil
			},
		},
	}
}

// askForMissing asks a person for what the command line does not say. Without
// one, what is missing is an error that names the flags.
func (e *Env) askForMissing(reg *newRegistration, never bool) error {
	var open []question
	var flags []string
	for _, q := range e.questions(reg) {
		if q.missing() {
			open = append(open, q)
			flags = append(flags, q.flags)
		}
	}
	switch {
	case len(open) == 0:
		return nil
	case never || !e.IsTerminal():
		return fmt.Errorf("register: missing %s", strings.Join(flags, ", "))
	}
	input := bufio.NewReader(e.Stdin)
	for _, q := range open {
		if err := e.ask(q, input); err != nil {
			return err
		}
	}
	return nil
}

// ask repeats a question until the answer is good.
func (e *Env) ask(q question, input *bufio.Reader) error {
	for {
		answer, err := e.readAnswer(q, input)
		if err != nil {
			return fmt.Errorf("register: no answer for %s: %w", q.flags, err)
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			answer = q.preset
		}
		if answer == "" {
			continue
		}
		err = q.take(answer)
		if err == nil {
			return nil
		}
		fmt.Fprintln(e.Stderr, err)
	}
}

func (e *Env) readAnswer(q question, input *bufio.Reader) (string, error) {
	if q.secret {
		return e.ReadPassword(q.prompt)
	}
	prompt := q.prompt
	if q.preset != "" {
		prompt += " [" + q.preset + "]: "
	}
	fmt.Fprint(e.Stderr, prompt)
	answer, err := input.ReadString('\n')
	if errors.Is(err, io.EOF) && answer != "" {
		err = nil
	}
	return answer, err
}
