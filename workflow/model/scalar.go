package model

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"multirunner/workflow/expression"
)

// Tags of the YAML 1.2 core schema, which GitHub reads workflows by. The YAML
// library's own rules are older: 017 is octal there, 1_000 a number, a date a
// date.
const (
	tagStr   = "!!str"
	tagNull  = "!!null"
	tagBool  = "!!bool"
	tagInt   = "!!int"
	tagFloat = "!!float"
	tagSeq   = "!!seq"
	tagMap   = "!!map"
)

// resolveTag gives the type of a scalar. explicit is the tag written before it,
// "" for none.
func resolveTag(explicit string, n *yaml.Node) (string, error) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch explicit {
	case "":
		if n.Style&quoted != 0 {
			return tagStr, nil
		}
		return plainTag(n.Value), nil
	case tagStr:
		return tagStr, nil
	case tagNull, tagBool, tagInt, tagFloat:
		got := plainTag(n.Value)
		if got == explicit || explicit == tagFloat && got == tagInt {
			return explicit, nil
		}
		return "", fmt.Errorf("%q is not a %s", n.Value, explicit)
	}
	return "", fmt.Errorf("tag %s is not part of the workflow language", explicit)
}

// plainTag gives the type of a scalar without quotes and tag.
func plainTag(s string) string {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return tagNull
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return tagBool
	case ".nan", ".NaN", ".NAN":
		return tagFloat
	}
	switch strings.TrimLeft(s, "+-") {
	case ".inf", ".Inf", ".INF":
		if len(s) <= len("+.inf") {
			return tagFloat
		}
	}
	if rest, ok := strings.CutPrefix(s, "0x"); ok && only(rest, "0123456789abcdefABCDEF") {
		return tagInt
	}
	if rest, ok := strings.CutPrefix(s, "0o"); ok && only(rest, "01234567") {
		return tagInt
	}
	return decimalTag(s)
}

func only(s, chars string) bool { return s != "" && strings.Trim(s, chars) == "" }

// decimalTag knows [-+]?[0-9]+ and [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?.
func decimalTag(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	s, whole := digits(s)
	if s == "" && whole > 0 {
		return tagInt
	}
	fraction := 0
	if strings.HasPrefix(s, ".") {
		s, fraction = digits(s[1:])
	}
	if whole == 0 && fraction == 0 {
		return tagStr
	}
	if s == "" {
		return tagFloat
	}
	if s[0] != 'e' && s[0] != 'E' {
		return tagStr
	}
	s = s[1:]
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	rest, exponent := digits(s)
	if rest != "" || exponent == 0 {
		return tagStr
	}
	return tagFloat
}

// digits takes decimal digits off the front.
func digits(s string) (rest string, n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[n:], n
}

// typed gives a scalar that holds no expression as a value of the language.
func typed(n *yaml.Node) expression.Value {
	switch n.Tag {
	case tagNull:
		return expression.Null
	case tagBool:
		return expression.Bool(strings.EqualFold(n.Value, "true"))
	case tagInt, tagFloat:
		return expression.Number(number(n.Value))
	}
	return expression.String(n.Value)
}

// number reads what plainTag takes for a number. What is too large is infinite.
func number(s string) float64 {
	switch strings.ToLower(s) {
	case ".nan":
		return math.NaN()
	case ".inf", "+.inf":
		return math.Inf(1)
	case "-.inf":
		return math.Inf(-1)
	}
	base := 10
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = rest, 16
	} else if rest, ok := strings.CutPrefix(s, "0o"); ok {
		s, base = rest, 8
	}
	if base != 10 {
		f := 0.0
		for _, c := range s {
			digit, _ := strconv.ParseUint(string(c), base, 8) // plainTag has seen to it
			f = f*float64(base) + float64(digit)
		}
		return f
	}
	f, _ := strconv.ParseFloat(s, 64) // infinite when out of range
	return f
}
