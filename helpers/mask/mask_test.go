package mask

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

func withSecrets(secrets ...string) *Masker {
	m := New()
	for _, s := range secrets {
		m.Add(s)
	}
	return m
}

func TestMask(t *testing.T) {
	cases := map[string]struct {
		secrets    []string
		text, want string
	}{
		"nothing known":                   {nil, "some text", "some text"},
		"nothing there":                   {[]string{"secret"}, "some secre t text", "some secre t text"},
		"empty text":                      {[]string{"secret"}, "", ""},
		"alone":                           {[]string{"secret"}, "secret", "***"},
		"in the middle":                   {[]string{"secret"}, "a secret b", "a *** b"},
		"inside a word":                   {[]string{"secret"}, "xsecrets", "x***s"},
		"twice":                           {[]string{"secret"}, "secret, secret", "***, ***"},
		"case counts":                     {[]string{"secret"}, "Secret SECRET", "Secret SECRET"},
		"the end is cut off":              {[]string{"secret"}, "a secre", "a secre"},
		"two secrets":                     {[]string{"alpha", "beta"}, "beta alpha", "*** ***"},
		"touching":                        {[]string{"alpha", "beta"}, "<alphabetaalpha>", "<***>"},
		"the same touching itself":        {[]string{"ab"}, "ababab ab", "*** ***"},
		"overlapping":                     {[]string{"abcd", "cdef"}, "-abcdef-", "-***-"},
		"overlapping itself":              {[]string{"aba"}, "xababax", "x***x"},
		"one inside the other":            {[]string{"abcdef", "cd"}, "abcdef cd", "*** ***"},
		"the longer one fails":            {[]string{"abcdef", "cd"}, "abcdex", "ab***ex"},
		"the longer one begins earlier":   {[]string{"abcd", "b"}, "abcd abc", "*** a***c"},
		"merged by one that comes later":  {[]string{"b", "d", "abcde"}, "abcde b d abcd", "*** *** *** a***c***"},
		"one prefix of the other":         {[]string{"abc", "abcdef"}, "abcde abcdef", "***de ***"},
		"one suffix of the other":         {[]string{"def", "abcdef"}, "def abcdef", "*** ***"},
		"one letter":                      {[]string{"x"}, "axxbx", "a***b***"},
		"one letter at the ends":          {[]string{"x"}, "x", "***"},
		"with white space around it":      {[]string{"  secret\n"}, "a secret\nb", "a ***\nb"},
		"white space alone":               {[]string{" \n\t ", ""}, "a \n\t b", "a \n\t b"},
		"lines":                           {[]string{"first line\n  second\r\n\n third"}, "second, third, first line", "***, ***, ***"},
		"all lines":                       {[]string{"first\nsecond"}, "[first\nsecond]", "[***]"},
		"all lines, with other line ends": {[]string{"first\nsecond"}, "[first\r\nsecond]", "[***\r\n***]"},
		"stars":                           {[]string{"***", "*"}, "a***b", "a***b"},
		"bytes that are no text":          {[]string{"\xff\xfe\x00\x01"}, "a\xff\xfe\x00\x01b", "a***b"},
		"wide characters":                 {[]string{"pässwörd"}, "das pässwörd ist", "das *** ist"},
		"inside base64, with its padding": {[]string{"hunter22"}, "Basic " + base64.StdEncoding.EncodeToString([]byte("hunter22")), "Basic ***"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := withSecrets(c.secrets...)
			if got := m.Mask(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := m.Contains(c.text); got != (c.text != c.want) {
				t.Errorf("Contains is %t", got)
			}
		})
	}
}

// encodings are ways in which programs print a value.
func encodings(t *testing.T) map[string]func(string) string {
	inJSON := func(html bool) func(string) string {
		return func(s string) string {
			var b strings.Builder
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(html)
			if err := e.Encode(map[string]string{"value": s}); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	all := map[string]func(string) string{
		"plain":         func(s string) string { return s },
		"JSON":          inJSON(false),
		"JSON of Go":    inJSON(true),
		"URL query":     func(s string) string { return "?q=" + url.QueryEscape(s) + "&x" },
		"URL path":      func(s string) string { return "/a/" + url.PathEscape(s) + "/b" },
		"URL component": func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") },
		"URL userinfo":  func(s string) string { return "https://x:" + url.QueryEscape(s) + "@host/" },
		"HTML":          html.EscapeString,
		"XML": func(s string) string {
			return "<a b=\"" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(s) + "\"/>"
		},
		"XML text": func(s string) string { return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s) },
		"command data": func(s string) string {
			return "::set-output name=x::" + strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
		},
		"command property": func(s string) string {
			return "::error title=" + strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
		},
		"shell": func(s string) string { return "+ echo '" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
		"ASCII JSON": func(s string) string {
			var b strings.Builder
			for _, r := range strings.Trim(strings.TrimSpace(inJSON(false)(s)), "{}") {
				if r < 0x80 {
					b.WriteRune(r)
				} else {
					fmt.Fprintf(&b, `\u%04x`, r)
				}
			}
			return b.String()
		},
	}
	for name, encoding := range map[string]*base64.Encoding{
		"standard": base64.StdEncoding, "URL": base64.URLEncoding, "raw": base64.RawStdEncoding, "raw URL": base64.RawURLEncoding,
	} {
		for before := range 4 {
			for _, after := range []string{"", "\n", "zz", "zzz"} {
				all[fmt.Sprintf("base64 %s, %d before, %d after", name, before, len(after))] = func(s string) string {
					return encoding.EncodeToString([]byte(strings.Repeat("u", before) + s + after))
				}
			}
		}
	}
	return all
}

var secretsToEncode = []string{
	"hunter2-hunter2",
	"p@ss w?rd/<&>\"'=+~>?>?\xc3\xbf\xc3\xbf",
	"ünïcødé sècret — ½",
	"C:\\path\\with\ttab",
	`{"json": "in itself", "x": [1]}`,
	"https://user:pa%20ss@host/?q=1&b=2#c",
	"it's 'quoted' \"twice\"",
	"line one of it\nline two <of> it",
}

func TestEveryEncodingIsMasked(t *testing.T) {
	for _, secret := range secretsToEncode {
		m := withSecrets(secret)
		for name, encode := range encodings(t) {
			t.Run(name+" of "+secret, func(t *testing.T) {
				text := encode(secret)
				got := m.Mask(text)
				if strings.Count(got, Stars) != 1 {
					t.Fatalf("%q became %q", text, got)
				}
				// At most the characters that also depend on what stands before
				// and behind may be left over in base64, and nothing elsewhere.
				left := len(text) - (len(got) - len(Stars))
				least := len(encode("")) // what is not the secret
				if strings.HasPrefix(name, "base64") {
					least += 6
				}
				if len(got)-len(Stars) > least {
					t.Errorf("%q became %q: %d bytes masked", text, got, left)
				}
			})
		}
	}
}

func TestBase64AloneIsMaskedWhole(t *testing.T) {
	for length := 3; length < 12; length++ {
		secret := "A1b2C3d4E5f6"[:length]
		text := base64.StdEncoding.EncodeToString([]byte(secret))
		if got := withSecrets(secret).Mask("Basic " + text + "."); got != "Basic ***." {
			t.Errorf("%s of %s: got %s", text, secret, got)
		}
	}
}

func TestBase64InLinesIsMasked(t *testing.T) {
	token := strings.Repeat("0a1b2c3d4e5f", 20)
	key := "-----BEGIN KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC0123456789abcdefghijklmnopqrstuv\n", 25) + "-----END KEY-----"
	for _, secret := range []string{token, token[:150], token[:49], key} {
		m := withSecrets(secret)
		for _, width := range []int{64, 76} {
			for _, after := range []string{"", "\n"} {
				encoded := base64.StdEncoding.EncodeToString([]byte(secret + after))
				for row := range slices.Chunk([]byte(encoded), width) {
					// A few characters at the end may be left, which are in every text.
					if got := m.Mask(string(row)); len(row) > 8 && (!strings.HasPrefix(got, Stars) || len(got) > len(Stars)+4) {
						t.Errorf("%d bytes, lines of %d: %q became %q", len(secret), width, row, got)
					}
				}
			}
		}
	}
}

func TestShortSecretsHaveNoShortForms(t *testing.T) {
	m := withSecrets("a", "<", "\"")
	text := "Y Z bcd lt &l \\ %3 22 QQ"
	if got := m.Mask(text); got != text {
		t.Errorf("got %q", got)
	}
}

func TestXMLOfEveryWriterIsMasked(t *testing.T) {
	secret := `a<b>&"c"'d'`
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(secret)); err != nil {
		t.Fatal(err)
	}
	if got := withSecrets(secret).Mask(b.String()); got != Stars {
		t.Errorf("%s became %s", b.String(), got)
	}
}

func TestNoMatchNoAllocation(t *testing.T) {
	for name, m := range map[string]*Masker{"no secrets": New(), "secrets": withSecrets(secretsToEncode...)} {
		text := strings.Repeat("all is well and nobody knows it ", 10)
		m.Mask(text)
		if n := testing.AllocsPerRun(100, func() { m.Mask(text); m.Contains(text) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestZeroMasker(t *testing.T) {
	var m Masker
	if m.Mask("x") != "x" || m.Contains("x") {
		t.Error("the zero masker masks")
	}
	m.Add("x")
	if got := m.Mask("x"); got != Stars {
		t.Errorf("got %s", got)
	}
}

func TestSecretsThatComeOneByOneAreAllKnown(t *testing.T) {
	m := New()
	var secrets []string
	for i := range 300 {
		secrets = append(secrets, fmt.Sprintf("secret-number-%05d", i))
		m.Add(secrets[i])
		if got := m.Mask(secrets[0] + " " + secrets[i/2] + " " + secrets[i] + " ."); got != "*** *** *** ." {
			t.Fatalf("after %d: %s", i, got)
		}
		if layers := len(*m.upToDate()); layers > 10 {
			t.Fatalf("%d secrets make %d layers", i+1, layers)
		}
	}
	if got := m.Mask(strings.Join(secrets, "")); got != Stars {
		t.Errorf("got %s", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	m := New()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			stream := m.Stream(func([]byte) {})
			for i := range 50 {
				secret := fmt.Sprintf("secret-%d-%d", worker, i)
				m.Add(secret)
				if got := m.Mask("a " + secret + " b"); got != "a *** b" {
					t.Errorf("got %s", got)
				}
				if _, err := stream.Write([]byte("some " + secret)); err != nil {
					t.Error(err)
				}
			}
			stream.Flush()
		})
	}
	wg.Wait()
}

func TestUnreservedValuesHaveNoFormsButBase64(t *testing.T) {
	const value = "abcXYZ-019._~"
	if !isUnreserved(value) {
		t.Fatalf("%q counts as one that needs escapes", value)
	}
	for _, encode := range []func(string) []string{jsonForms, urlForms, xmlForms, quotedForms} {
		for _, form := range encode(value) {
			if form != value {
				t.Errorf("%q has the form %q", value, form)
			}
		}
	}
}
