package expression

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength is the longest expression, in UTF-16 code units. GitHub: 21000.
const maxLength = 21000

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenSign             // ( ) [ ] , . * ! and the operators: text says which
	tokenWord             // a name
	tokenNumber           // num
	tokenString           // str
)

// token is one word of an expression. Its text is expr[pos : pos+len(text)].
type token struct {
	kind tokenKind
	pos  int
	text string
	num  float64
	str  string
}

func (t token) is(sign string) bool { return t.kind == tokenSign && t.text == sign }

type lexer struct {
	src    string
	pos    int
	tokens []token
}

// lex cuts an expression into tokens; the last one is a tokenEnd.
func lex(src string) ([]token, *Error) {
	if len(src) > maxLength && utf16Len(src) > maxLength {
		return nil, &Error{Stage: StageLexing, Pos: -1, Expr: src,
			Message: "Exceeded max expression length 21000", Hint: "Split it, or put data into a file or a variable"}
	}
	l := &lexer{src: src, tokens: make([]token, 0, len(src)/4+2)}
	for {
		l.skipSpace()
		if l.pos == len(src) {
			l.tokens = append(l.tokens, token{kind: tokenEnd, pos: len(src)})
			return l.tokens, nil
		}
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		l.tokens = append(l.tokens, t)
		l.pos += len(t.text)
	}
}

func (l *lexer) skipSpace() {
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		l.pos += n
	}
}

// next reads the token at the current position, without moving on.
func (l *lexer) next() (token, *Error) {
	switch c := l.src[l.pos]; c {
	case '(', ')', '[', ']', ',', '*':
		return l.sign(1), nil
	case '!', '<', '>', '=', '&', '|':
		return l.operator()
	case '\'':
		return l.string()
	case '.':
		if l.operandFollows() {
			return l.number()
		}
		return l.sign(1), nil
	case '+', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return l.number()
	}
	return l.word()
}

// operandFollows tells whether a point begins a number here, and is not one
// that leads to a property.
func (l *lexer) operandFollows() bool {
	if len(l.tokens) == 0 {
		return true
	}
	last := l.tokens[len(l.tokens)-1]
	if last.kind != tokenSign {
		return false
	}
	switch last.text {
	case ")", "]", "*", ".":
		return false
	}
	return true
}

func (l *lexer) sign(n int) token {
	return token{kind: tokenSign, pos: l.pos, text: l.src[l.pos : l.pos+n]}
}

func (l *lexer) operator() (token, *Error) {
	rest := l.src[l.pos:]
	for _, op := range []string{"!=", ">=", "<=", "==", "&&", "||", "!", ">", "<"} {
		if strings.HasPrefix(rest, op) {
			return l.sign(len(op)), nil
		}
	}
	hint := map[byte]string{'=': "Compare with ==", '&': "The and is &&", '|': "The or is ||"}[rest[0]]
	return token{}, l.unexpected(l.run(false), hint)
}

func (l *lexer) number() (token, *Error) {
	text := l.run(true)
	f := parseNumber(text)
	if math.IsNaN(f) {
		return token{}, l.unexpected(text, "")
	}
	return token{kind: tokenNumber, pos: l.pos, text: text, num: f}, nil
}

func (l *lexer) word() (token, *Error) {
	text := l.run(false)
	if !isName(text) {
		hint := ""
		if text[0] == '"' {
			hint = "Strings are in single quotes"
		}
		return token{}, l.unexpected(text, hint)
	}
	return token{kind: tokenWord, pos: l.pos, text: text}, nil
}

func (l *lexer) string() (token, *Error) {
	rest := l.src[l.pos:]
	end, ok := quotedEnd(rest)
	if !ok {
		return token{}, l.unexpected(rest, "The string has no closing quote; a quote inside one is written ''")
	}
	text := rest[:end]
	str := strings.ReplaceAll(text[1:end-1], "''", "'")
	return token{kind: tokenString, pos: l.pos, text: text, str: str}, nil
}

// quotedEnd gives the length of the quoted string that s begins with.
func quotedEnd(s string) (int, bool) {
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			i++
			continue
		}
		return i + 1, true
	}
	return 0, false
}

// run gives the text up to the next character that ends a word; the first one
// belongs to it whatever it is. In a number a point does not end it.
func (l *lexer) run(points bool) string {
	rest := l.src[l.pos:]
	for i, r := range rest {
		if i > 0 && endsWord(r) && (!points || r != '.') {
			return rest[:i]
		}
	}
	return rest
}

func endsWord(r rune) bool {
	switch r {
	case '(', '[', ')', ']', ',', '.', '!', '>', '<', '=', '&', '|':
		return true
	}
	return unicode.IsSpace(r)
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case i > 0 && (isDigit(c) || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

func (l *lexer) unexpected(text, hint string) *Error {
	return &Error{Stage: StageLexing, Pos: l.pos, Expr: l.src, Message: "Unexpected symbol: '" + excerpt(text) + "'", Hint: hint}
}
