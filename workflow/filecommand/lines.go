package filecommand

import "strings"

// Lines gives the lines that are not empty, in order: what GITHUB_PATH holds.
// A carriage return before the end of a line is part of the end.
func Lines(data []byte) []string {
	var lines []string
	for line := range strings.SplitSeq(decode(data), "\n") {
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
