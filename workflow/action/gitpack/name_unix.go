//go:build !windows

package gitpack

func validHere(string) bool { return true }
