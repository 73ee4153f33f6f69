package mask

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// minDerived is the shortest encoded form that is looked for. Shorter ones are
// in every text: a secret of one letter has a base64 form of one letter.
const minDerived = 4

// forms gives what else to look for when a value is secret.
func forms(plain string) iter.Seq[string] {
	encodings := []func(string) []string{base64Forms, base64Lines, jsonForms, urlForms, xmlForms, quotedForms, commandForms}
	if isUnreserved(plain) {
		encodings = encodings[:2] // the others give the value itself
	}
	if len(plain) > manyForms {
		encodings = []func(string) []string{base64Middles, base64Lines, jsonForms, commandForms}
	}
	return func(yield func(string) bool) {
		for _, encode := range encodings {
			for _, form := range encode(plain) {
				if len(form) >= minDerived && !yield(form) {
					return
				}
			}
		}
	}
}

// isUnreserved tells that a value has only signs that need no escape anywhere:
// those of RFC 3986 section 2.3. Most tokens are such.
func isUnreserved(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// plainForms gives the value and, when there are several, each of its lines,
// without white space around them.
func plainForms(value string) []string {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil
	}
	plain := []string{value}
	if !strings.ContainsAny(value, "\n\r") {
		return plain
	}
	for _, line := range strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			plain = append(plain, line)
		}
	}
	return plain
}

// base64Forms gives what base64 makes of the value wherever it stands in the
// encoded data: the characters that depend on its own bytes only, for each of
// the three places in a group at which it may begin; and the same with what
// comes behind when it ends the data.
func base64Forms(value string) []string {
	var all []string
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			data := append(make([]byte, before), value...)
			padded := encoding.EncodeToString(data)
			begin := (before*8 + 5) / 6
			end := len(data) * 8 / 6
			all = append(all, padded[begin:end], strings.TrimRight(padded, "=")[begin:], padded[begin:])
		}
	}
	return all
}

// base64Middles gives only what depends on the value's own bytes, in the standard
// alphabet.
func base64Middles(value string) []string {
	var all []string
	for before := range 3 {
		data := append(make([]byte, before), value...)
		all = append(all, base64.StdEncoding.EncodeToString(data)[(before*8+5)/6:len(data)*8/6])
	}
	return all
}

// minLine is the shortest last line of base64 that is looked for: the start of
// the value is masked in the lines before it.
const minLine = 8

// base64Lines gives the lines that base64 tools (76 characters) and PEM (64)
// make of the value when nothing stands before it in the data.
func base64Lines(value string) []string {
	encoded := base64.StdEncoding.EncodeToString([]byte(value))
	own := encoded[:len(value)*8/6] // does not depend on what comes behind
	var all []string
	for _, width := range []int{64, 76} {
		if len(encoded) <= width {
			continue
		}
		for start := 0; start < len(own); start += width {
			all = append(all, own[start:min(start+width, len(own))])
		}
		last := encoded[(len(encoded)-1)/width*width:]
		all = append(all, last, strings.TrimRight(last, "="))
	}
	return slices.DeleteFunc(all, func(line string) bool { return len(line) < minLine })
}

// jsonForms gives the value as JSON strings hold it: with the escapes that are
// needed, with those that Go adds, and in ASCII.
func jsonForms(value string) []string {
	valid := strings.ToValidUTF8(value, "\uFFFD")
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(valid); err != nil {
		return nil // not for a string
	}
	short := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
	// encoding/json escapes these two always, others never.
	short = strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(short)
	long := strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "\u2028", `\u2028`, "\u2029", `\u2029`).Replace(short)
	return []string{short, long, asciiJSON(short), strings.ReplaceAll(short, "/", `\/`)}
}

// asciiJSON escapes what is not ASCII in an escaped string.
func asciiJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// urlForms gives the value as URLs hold it, in a query and in a path; and with
// the few signs plain that JavaScript and Python leave.
func urlForms(value string) []string {
	query := url.QueryEscape(value)
	component := strings.ReplaceAll(query, "+", "%20")
	script := strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(component)
	return []string{query, component, url.PathEscape(value), script, strings.ReplaceAll(component, "%2F", "/")}
}

// xmlForms gives the value as XML and HTML hold it, in an attribute and in a
// text.
func xmlForms(value string) []string {
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(value)
	attribute := strings.NewReplacer(`"`, "&quot;", "'", "&apos;").Replace(text)
	return []string{attribute, html.EscapeString(value), text}
}

// quotedForms gives the value as it stands between quotes in a shell's trace,
// in an expression and in a command line.
func quotedForms(value string) []string {
	return []string{
		strings.ReplaceAll(value, "'", `'\''`),
		strings.ReplaceAll(value, "'", "''"),
		strings.ReplaceAll(value, `"`, `\"`),
		strings.Trim(value, `"`),
	}
}

// commandForms gives the value as it stands in a workflow command, as its data
// and as a property.
func commandForms(value string) []string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(value)
	return []string{data, strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data)}
}
