package command

import "strings"

// Annotation gives the text of an error, warning or notice with its place and
// title put in front, as file:line:column: title: message. Servers show the
// row only and keep no annotations (Gitea: the viewer drops properties).
func (c Command) Annotation() string {
	parts := make([]string, 0, 3)
	if place := c.place(); place != "" {
		parts = append(parts, place)
	}
	if title := c.Property("title"); title != "" {
		parts = append(parts, title)
	}
	return strings.Join(append(parts, c.Data), ": ")
}

// place folds file, line and column. A column without a line means nothing.
func (c Command) place() string {
	place := c.Property("file")
	line := c.Property("line")
	if line == "" {
		return place
	}
	if place == "" {
		place = "line " + line
	} else {
		place += ":" + line
	}
	column := c.Property("col")
	if column == "" {
		column = c.Property("column")
	}
	if column != "" {
		place += ":" + column
	}
	return place
}
