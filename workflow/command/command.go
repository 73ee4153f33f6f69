package command

import (
	"slices"
	"strings"
)

// Name is a command's name, in lower case.
type Name string

// The commands there are. A line with any other name is plain output.
const (
	AddMask       Name = "add-mask"
	AddMatcher    Name = "add-matcher"
	AddPath       Name = "add-path"
	Debug         Name = "debug"
	Echo          Name = "echo"
	EndGroup      Name = "endgroup"
	Error         Name = "error"
	Group         Name = "group"
	Notice        Name = "notice"
	RemoveMatcher Name = "remove-matcher"
	SaveState     Name = "save-state"
	SetEnv        Name = "set-env"
	SetOutput     Name = "set-output"
	StopCommands  Name = "stop-commands"
	Warning       Name = "warning"

	// Resume is the token of an earlier stop-commands. Only a Scanner gives it.
	Resume Name = "resume"
)

// lookup gives the name of a command that exists. It is a switch, not a map,
// because it is asked for many lines that only look like commands.
func lookup(word string) (Name, bool) {
	switch name := Name(strings.ToLower(word)); name {
	case AddMask, AddMatcher, AddPath, Debug, Echo, EndGroup, Error, Group, Notice,
		RemoveMatcher, SaveState, SetEnv, SetOutput, StopCommands, Warning:
		return name, true
	}
	return "", false
}

// Command is one command, its escapes decoded.
type Command struct {
	Name Name
	Data string

	properties []property
}

type property struct{ key, value string }

// Property gives a property's value, "" when it is missing. Keys ignore case;
// the last of equal ones wins.
func (c Command) Property(key string) string {
	for i := len(c.properties) - 1; i >= 0; i-- {
		if strings.EqualFold(c.properties[i].key, key) {
			return c.properties[i].value
		}
	}
	return ""
}

// With gives the command with a property of another value.
func (c Command) With(key, value string) Command {
	c.properties = append(slices.Clip(c.properties), property{key, value})
	return c
}
