package common

import (
	"encoding/json"
	"fmt"
)

// VersionError says that a file was written in a version of its format that
// this program does not read. Whoever gets it leaves the file as it is: the
// program that wrote it needs it.
type VersionError struct {
	File    string
	Found   int // 0: the file names none
	Current int // the one that this program writes
}

func (e *VersionError) Error() string {
	if e.Found <= e.Current {
		return fmt.Sprintf("%s has format version %d, this program reads %d to %d: start the version of the runner after the one that wrote it first, it reads both",
			e.File, e.Found, oldest(e.Current), e.Current)
	}
	return fmt.Sprintf("%s has format version %d, this program reads up to %d: a newer version of the runner wrote it, start that one",
		e.File, e.Found, e.Current)
}

// oldest is the first version that a program reads which writes the given one.
func oldest(current int) int { return max(1, current-1) }

// CheckVersion gives a *VersionError unless a program that writes the current
// version of a format reads the found one: that is the current one and the one
// before.
func CheckVersion(file string, found, current int) error {
	if found < oldest(current) || found > current {
		return &VersionError{File: file, Found: found, Current: current}
	}
	return nil
}

// DecodeVersioned decodes JSON that carries its version as v. The version is
// looked at before anything else: the rest of another one may have any form. The
// error is a *VersionError for a version that is not read, and another one for
// what is no JSON object.
func DecodeVersioned(file string, data []byte, current int, into any) error {
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := CheckVersion(file, head.V, current); err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
