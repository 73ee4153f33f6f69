package expression

import (
	"math"
	"strconv"
	"strings"
)

// formatNumber gives a number's text: 15 significant digits, no trailing
// zeros, an exponent of at least two digits from 1E+15 up and below 1E-04,
// and 0 for both zeros. GitHub: .NET's "G15", invariant culture.
func formatNumber(f float64) string {
	const exact = 1e15 // integers below it have at most 15 digits
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == math.Trunc(f) && math.Abs(f) < exact:
		return strconv.FormatInt(int64(f), 10)
	}

	text := strconv.FormatFloat(math.Abs(f), 'e', 14, 64) // d.dddddddddddddde±xx
	mantissa, exponent, _ := strings.Cut(text, "e")
	exp, _ := strconv.Atoi(exponent)
	digits := strings.TrimRight(strings.Replace(mantissa, ".", "", 1), "0")

	var b strings.Builder
	if f < 0 {
		b.WriteByte('-')
	}
	switch {
	case exp > 14 || exp < -4:
		writePointed(&b, digits, 1)
		b.WriteByte('E')
		b.WriteByte(exponent[0])
		if n := max(exp, -exp); n < 10 {
			b.WriteByte('0')
		}
		b.WriteString(strconv.Itoa(max(exp, -exp)))
	case exp < 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -exp-1))
		b.WriteString(digits)
	default:
		writePointed(&b, digits, exp+1)
	}
	return b.String()
}

// writePointed writes digits with the decimal point after the first n.
func writePointed(b *strings.Builder, digits string, n int) {
	if len(digits) <= n {
		b.WriteString(digits)
		b.WriteString(strings.Repeat("0", n-len(digits)))
		return
	}
	b.WriteString(digits[:n])
	b.WriteByte('.')
	b.WriteString(digits[n:])
}

// parseNumber gives the number that a text means, NaN when it means none.
// White space around it does not count, and nothing is 0. GitHub: a decimal
// with an optional sign, point and exponent; 0x and 0o as 32 bits with a sign;
// Infinity.
func parseNumber(text string) float64 {
	s := strings.TrimSpace(text)
	if s == "" {
		return 0
	}
	if f, ok := parseDecimal(s); ok {
		return f
	}
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		return parseBits(digits, 16)
	}
	if digits, ok := strings.CutPrefix(s, "0o"); ok {
		return parseBits(digits, 8)
	}
	return parseInfinity(s)
}

// parseDecimal takes what .NET's double.TryParse takes: also ".5" and "1.",
// and any number of NUL characters at the end.
func parseDecimal(s string) (float64, bool) {
	s = strings.TrimRight(s, "\x00")
	rest := strings.TrimLeft(s, "+-")
	if len(s)-len(rest) > 1 {
		return 0, false
	}
	whole := countDigits(rest)
	rest = rest[whole:]
	fraction := 0
	if strings.HasPrefix(rest, ".") {
		fraction = countDigits(rest[1:])
		rest = rest[1+fraction:]
	}
	if whole+fraction == 0 {
		return 0, false
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		n := countDigits(rest)
		if n == 0 {
			return 0, false
		}
		rest = rest[n:]
	}
	if rest != "" {
		return 0, false
	}
	// The only error left is a number out of range, with the right infinity.
	f, _ := strconv.ParseFloat(s, 64)
	return f, true
}

func countDigits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseBits reads the 32 bits of a signed integer: 0xffffffff is -1. More bits
// than that are NaN.
func parseBits(digits string, base int) float64 {
	if strings.HasPrefix(digits, "+") || strings.HasPrefix(digits, "-") {
		return math.NaN()
	}
	bits, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return math.NaN()
	}
	return float64(int32(uint32(bits)))
}

func parseInfinity(s string) float64 {
	name, sign := s, 1
	switch s[0] {
	case '+':
		name = s[1:]
	case '-':
		name, sign = s[1:], -1
	}
	if equalFold(name, "Infinity") {
		return math.Inf(sign)
	}
	return math.NaN()
}
