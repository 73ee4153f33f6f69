package filecommand

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// decode gives the text of a file that starts with or without a byte order
// mark: the redirections of Windows PowerShell 5 write UTF-16.
func decode(data []byte) string {
	text := string(data)
	switch {
	case strings.HasPrefix(text, "\xef\xbb\xbf"):
		return text[3:]
	case strings.HasPrefix(text, "\xff\xfe"):
		return decode16(data[2:], binary.LittleEndian)
	case strings.HasPrefix(text, "\xfe\xff"):
		return decode16(data[2:], binary.BigEndian)
	}
	return text
}

func decode16(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

// Text gives the whole file as text, without a byte order mark: what
// GITHUB_STEP_SUMMARY holds.
func Text(data []byte) string { return decode(data) }
