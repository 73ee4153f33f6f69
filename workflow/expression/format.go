package expression

import (
	"strconv"
	"strings"
)

// formatPart is a piece of a format string: a text, or an argument's place.
type formatPart struct {
	text string
	arg  int // -1 for a text
}

// verifyFormat checks a format string that stands in the expression, so that
// its author need not run the workflow to see that it is wrong.
func verifyFormat(e *Expr, c *callNode) *Error {
	literal, ok := c.args[0].(literalNode)
	if !ok {
		return nil
	}
	_, problem := parseFormat(literal.value.Text(), len(c.args)-1)
	if problem == "" {
		return nil
	}
	return &Error{Stage: StageParsing, Pos: c.pos, Expr: e.src, Message: problem, Hint: formatHint}
}

const formatHint = "Write {0} for the first argument, {{ and }} for braces"

// parseFormat cuts a format string for a number of arguments. The problem says
// what is wrong with it, without the string itself, which may hold a secret.
func parseFormat(format string, args int) (parts []formatPart, problem string) {
	for format != "" {
		i := strings.IndexAny(format, "{}")
		if i < 0 {
			return append(parts, formatPart{format, -1}), ""
		}
		if strings.HasPrefix(format[i+1:], format[i:i+1]) { // an escaped brace
			parts = append(parts, formatPart{format[:i+1], -1})
			format = format[i+2:]
			continue
		}
		place, rest, closed := strings.Cut(format[i+1:], "}")
		if format[i] == '}' || !closed {
			return nil, "Invalid format string: a brace stands alone"
		}
		n, err := strconv.ParseUint(place, 10, 8)
		if err != nil {
			return nil, "Invalid format string: only a number from 0 to 255 may stand in braces"
		}
		if int(n) >= args {
			return nil, "Invalid format string: Format string references {" + strconv.FormatUint(n, 10) + "} but only " +
				strconv.Itoa(args) + " argument(s) provided"
		}
		parts = append(parts, formatPart{format[:i], -1}, formatPart{"", int(n)})
		format = rest
	}
	return parts, ""
}

// callFormat evaluates the arguments that the format string names, each once.
func callFormat(ev *evaluation, c *callNode) (Value, *Error) {
	format, err := c.args[0].eval(ev)
	if err != nil {
		return Null, err
	}
	args := c.args[1:]
	parts, problem := parseFormat(format.Text(), len(args))
	if problem != "" {
		err := ev.fail(c.pos, "%s", problem)
		err.Hint = formatHint
		return Null, err
	}
	texts := make(map[int]string, len(args))
	var b strings.Builder
	for _, part := range parts {
		text := part.text
		if part.arg >= 0 {
			known := false
			if text, known = texts[part.arg]; !known {
				v, err := args[part.arg].eval(ev)
				if err != nil {
					return Null, err
				}
				text = v.Text()
				texts[part.arg] = text
			}
		}
		if !ev.budget.spend(len(text)) {
			return Null, ev.tooMuch(c.pos)
		}
		b.WriteString(text)
	}
	return String(b.String()), nil
}
