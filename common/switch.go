package common

import "fmt"

// Switch is a setting that is on, off, or left to the program.
type Switch string

// The values of a Switch, as config files write them.
const (
	SwitchAuto Switch = "auto"
	SwitchOn   Switch = "true"
	SwitchOff  Switch = "false"
)

// On tells whether the switch is on; auto is what the program decided.
func (s Switch) On(auto bool) bool {
	return s == SwitchOn || s != SwitchOff && auto
}

// UnmarshalTOML takes true and false with quotes or without, and "auto".
func (s *Switch) UnmarshalTOML(v any) error {
	text := fmt.Sprint(v)
	switch Switch(text) {
	case SwitchAuto, SwitchOn, SwitchOff:
		*s = Switch(text)
		return nil
	}
	return fmt.Errorf("%q is none of \"auto\", true and false", text)
}
