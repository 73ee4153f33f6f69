package policy

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	shellquote "github.com/kballard/go-shellquote"
	"github.com/spf13/pflag"

	"multirunner/helpers/suggest"
)

// optionsMax is how long a text of options may be.
const optionsMax = 64 << 10

// Option is one option of a workflow.
type Option struct {
	Name  string // the long one, without dashes: "env"
	Value string // "true" or "false" of those that take none
}

func (o Option) String() string { return "--" + o.Name + "=" + o.Value }

// Parse reads a workflow's options: the words of `docker create`, parted as a
// shell would, where nothing is expanded. They are in the order of the text,
// an alias under the name that it is an alias of. The error names the word that
// is wrong.
func Parse(text string) ([]Option, error) {
	if len(text) > optionsMax {
		return nil, fmt.Errorf("has %d bytes, at most %d can be read", len(text), optionsMax)
	}
	words, err := shellquote.Split(text)
	if err != nil {
		return nil, quoting(err)
	}
	for _, word := range words {
		switch {
		case strings.ContainsRune(word, 0):
			return nil, errors.New("has a NUL byte")
		case strings.HasPrefix(word, "-test."): // which the library would skip
			return nil, fmt.Errorf("%s is not an option of docker create", shown(word))
		}
	}
	var found []Option
	flags := pflag.NewFlagSet("options", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	var names []string
	for _, known := range knownOptions() {
		names = append(names, known.name)
		short := known.short
		for _, name := range append([]string{known.name}, known.aliases...) {
			flag := flags.VarPF(&collector{known, &found}, name, short, "")
			if known.boolean {
				flag.NoOptDefVal = "true"
			}
			short = ""
		}
	}
	if err := flags.Parse(words); err != nil {
		return nil, explain(err, names)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%s is no option: only options can stand here, and values with spaces need quotes", shown(flags.Arg(0)))
	}
	return found, nil
}

// explain puts the errors of the library into our words.
func explain(err error, names []string) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("-%s is not an option of docker create", shown(unknown.GetSpecifiedName()))
	case errors.As(err, &unknown):
		return unknownOption(unknown.GetSpecifiedName(), names)
	case errors.Is(err, pflag.ErrHelp):
		return unknownOption("help", nil)
	case errors.As(err, &missing):
		return fmt.Errorf("--%s needs a value", missing.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s: %w", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return fmt.Errorf("cannot be read: %s", shown(err.Error()))
}

func unknownOption(name string, names []string) error {
	if near := suggest.Nearest(name, names); near != "" {
		return fmt.Errorf("--%s is not an option of docker create, did you mean --%s?", shown(name), near)
	}
	return fmt.Errorf("--%s is not an option of docker create", shown(name))
}

// collector is the value of every flag: it keeps what is given, in order.
type collector struct {
	option option
	found  *[]Option
}

func (c *collector) Set(value string) error {
	if c.option.boolean {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%s is neither true nor false", shown(value))
		}
		value = strconv.FormatBool(on)
	}
	*c.found = append(*c.found, Option{c.option.name, value})
	return nil
}

func (c *collector) String() string { return "" }
func (c *collector) Type() string   { return "string" }
