package configfile

import (
	"fmt"
	"strconv"
	"strings"

	"multirunner/common"
)

// Block writes a registration as the [[runners]] block that Append takes,
// token included, without the keys that are at their default.
func Block(r *common.RunnerConfig) string {
	defaults := common.DefaultRunner()
	var b strings.Builder
	b.WriteString("[[runners]]\n")
	line := func(key, value string) { fmt.Fprintf(&b, "  %-8s = %s\n", key, value) }
	text := func(key, value, byDefault string) {
		if value != byDefault {
			line(key, quote(value))
		}
	}
	text("name", r.Name, "")
	text("url", r.URL, "")
	text("uuid", r.UUID, "")
	switch {
	case r.TokenFile != "":
		text("token_file", r.TokenFile, "")
	case r.TokenEnv != "":
		text("token_env", r.TokenEnv, "")
	default:
		text("token", r.Token.Reveal(), "")
	}
	quoted := make([]string, len(r.Labels))
	for i, label := range r.Labels {
		quoted[i] = quote(label)
	}
	line("labels", "["+strings.Join(quoted, ", ")+"]")
	text("executor", r.Executor, defaults.Executor)
	if r.Limit != 0 {
		line("limit", strconv.Itoa(r.Limit))
	}
	if r.Ephemeral {
		line("ephemeral", "true")
	}
	text("tls_ca_file", r.TLSCAFile, "")
	if r.InsecureSkipVerify {
		line("insecure_skip_verify", "true")
	}
	return b.String()
}

// quote writes a TOML basic string. strconv.Quote knows escapes that TOML
// does not.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
