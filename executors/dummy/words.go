package dummy

import (
	"fmt"
	"strings"
)

// The language: words with quotes and variables, joined by new lines, ; && ||
// and &, in groups of { } or ( ), with > >> and >&2. No pipes, no conditions,
// no loops, no splitting of what a variable holds.

// token is a word or, with text only, an operator.
type token struct {
	operator string
	word     word
}

// word is what a word is made of.
type word []part

type part struct {
	text     string
	variable bool // text is the name of one
}

// operators, longer ones first.
var operators = []string{"&&", "||", ">&2", "1>&2", "2>&1", ">>", ">", ";", "\n", "&", "(", ")", "{", "}"}

// split gives the tokens of a script.
func split(text string) ([]token, error) {
	var tokens []token
	for text != "" {
		switch {
		case text[0] == ' ' || text[0] == '\t' || text[0] == '\r':
			text = text[1:]
		case strings.HasPrefix(text, "\\\n"):
			text = text[2:]
		case text[0] == '#':
			_, text, _ = strings.Cut(text, "\n")
			tokens = append(tokens, token{operator: "\n"})
		default:
			if op := operatorAt(text); op != "" {
				tokens = append(tokens, token{operator: op})
				text = text[len(op):]
				continue
			}
			w, rest, err := cutWord(text)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token{word: w})
			text = rest
		}
	}
	return tokens, nil
}

func operatorAt(text string) string {
	for _, op := range operators {
		if !strings.HasPrefix(text, op) {
			continue
		}
		// A brace is an operator only where it stands alone.
		if op == "{" || op == "}" {
			if len(text) > 1 && !strings.ContainsRune(" \t\r\n;&)", rune(text[1])) {
				return ""
			}
		}
		return op
	}
	return ""
}

// cutWord takes a word off the start.
func cutWord(text string) (word, string, error) {
	var w word
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			w = append(w, part{text: plain.String()})
			plain.Reset()
		}
	}
	quoted := false // in double quotes
	for text != "" {
		c := text[0]
		switch {
		case c == '\'' && !quoted:
			inner, rest, ok := strings.Cut(text[1:], "'")
			if !ok {
				return nil, "", fmt.Errorf("no end to the quote %.20q", text)
			}
			plain.WriteString(inner)
			w, text = append(w, part{text: ""}), rest // an empty word is one too
		case c == '"':
			quoted = !quoted
			w, text = append(w, part{text: ""}), text[1:]
		case c == '\\' && len(text) > 1:
			plain.WriteByte(text[1])
			text = text[2:]
		case c == '$':
			name, rest := cutVariable(text)
			if name == "" {
				plain.WriteByte('$')
				text = text[1:]
				continue
			}
			flush()
			w, text = append(w, part{text: name, variable: true}), rest
		case !quoted && strings.ContainsRune(" \t\r\n;&|><()", rune(c)):
			flush()
			return w, text, nil
		default:
			plain.WriteByte(c)
			text = text[1:]
		}
		flush()
	}
	if quoted {
		return nil, "", fmt.Errorf("no end to a double quote")
	}
	return w, "", nil
}

// cutVariable takes $NAME, ${NAME}, $$ or $? off the start; no name when it is
// none of them.
func cutVariable(text string) (name, rest string) {
	if strings.HasPrefix(text, "${") {
		if name, rest, ok := strings.Cut(text[2:], "}"); ok {
			return name, rest
		}
		return "", text
	}
	if len(text) > 1 && (text[1] == '$' || text[1] == '?') {
		return text[1:2], text[2:]
	}
	end := 1
	for end < len(text) && isName(text[end]) {
		end++
	}
	return text[1:end], text[end:]
}

func isName(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// statement is one command, or a group, and what joins it to the one before.
type statement struct {
	after      string // "", "&&" or "||"
	words      []word
	group      []statement // instead of words
	target     word        // of a redirection
	redirect   string      // ">", ">>", ">&2" or ""
	background bool
}

// parse gives the statements of a script.
func parse(text string) ([]statement, error) {
	tokens, err := split(text)
	if err != nil {
		return nil, err
	}
	list, rest, err := parseList(tokens, "")
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q is not expected here", rest[0].operator)
	}
	return list, err
}

// parseList reads statements up to the closing operator, which it takes.
func parseList(tokens []token, closing string) ([]statement, []token, error) {
	var list []statement
	after := ""
	for {
		s, rest, err := parseStatement(tokens)
		if err != nil {
			return nil, nil, err
		}
		s.after = after
		tokens = rest
		end := ""
		if len(tokens) > 0 {
			end, tokens = tokens[0].operator, tokens[1:]
		}
		s.background = end == "&"
		if s.words != nil || s.group != nil {
			list = append(list, s)
		}
		after = ""
		switch end {
		case closing:
			return list, tokens, nil
		case "":
			return nil, nil, fmt.Errorf("no %s at the end", closing)
		case "&&", "||":
			after = end
		case ";", "\n", "&":
		default:
			return nil, nil, fmt.Errorf("%q is not expected here", end)
		}
	}
}

// parseStatement reads up to an operator that ends a statement.
func parseStatement(tokens []token) (statement, []token, error) {
	var s statement
	for len(tokens) > 0 {
		t := tokens[0]
		switch t.operator {
		case "":
			s.words = append(s.words, t.word)
		case "{", "(":
			list, rest, err := parseList(tokens[1:], map[string]string{"{": "}", "(": ")"}[t.operator])
			if err != nil {
				return s, nil, err
			}
			s.group, tokens = append([]statement{}, list...), rest
			continue
		case ">", ">>":
			if len(tokens) < 2 || tokens[1].operator != "" {
				return s, nil, fmt.Errorf("no file after %s", t.operator)
			}
			s.redirect, s.target = t.operator, tokens[1].word
			tokens = tokens[1:]
		case ">&2", "1>&2":
			s.redirect = ">&2"
		case "2>&1":
		default:
			return s, tokens, nil
		}
		tokens = tokens[1:]
	}
	return s, nil, nil
}
