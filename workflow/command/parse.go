package command

import "strings"

// Parse reads a line of output, without its end of line. It is false when the
// line is no command.
//
// GitHub: ActionCommand.cs. The :: form may have white space before it, the
// ##[ form may stand anywhere in the line.
func Parse(line string) (Command, bool) {
	head, ok := split(line)
	if !ok {
		return Command{}, false
	}
	name, ok := lookup(head.word)
	if !ok {
		return Command{}, false
	}
	return head.decode(name), true
}

// head is a line cut into the parts of a command, escapes not decoded.
type head struct {
	word, properties, data string
	separator              string // between properties
	decodeData             *strings.Replacer
	decodeProperty         *strings.Replacer
}

// split cuts a line by its form only: the word may be any word.
func split(line string) (head, bool) {
	if h, ok := splitColons(line); ok {
		if _, known := lookup(h.word); known {
			return h, true
		}
		if h2, ok := splitBrackets(line); ok {
			return h2, true
		}
		return h, true
	}
	return splitBrackets(line)
}

// splitColons cuts ::word key=value,key=value::data.
func splitColons(line string) (head, bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t\r\v\f"), "::")
	if !ok {
		return head{}, false
	}
	info, data, ok := strings.Cut(rest, "::")
	if !ok {
		return head{}, false
	}
	word, properties, _ := strings.Cut(info, " ")
	return head{word, properties, data, ",", dataEscapes, propertyEscapes}, true
}

// splitBrackets cuts ##[word key=value;key=value;]data.
func splitBrackets(line string) (head, bool) {
	_, rest, ok := strings.Cut(line, "##[")
	if !ok {
		return head{}, false
	}
	info, data, ok := strings.Cut(rest, "]")
	if !ok {
		return head{}, false
	}
	word, properties, _ := strings.Cut(info, " ")
	return head{word, properties, data, ";", bracketEscapes, bracketEscapes}, true
}

func (h head) decode(name Name) Command {
	c := Command{Name: name, Data: h.decodeData.Replace(h.data)}
	for part := range strings.SplitSeq(h.properties, h.separator) {
		key, value, _ := strings.Cut(part, "=")
		if key = strings.TrimSpace(key); key == "" || value == "" {
			continue
		}
		c.properties = append(c.properties, property{key, h.decodeProperty.Replace(value)})
	}
	return c
}

// A Replacer goes over the text once, so %25 gives a percent sign that starts
// no other escape.
var (
	dataEscapes     = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	propertyEscapes = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	bracketEscapes  = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3B", ";", "%5D", "]", "%25", "%")
)
