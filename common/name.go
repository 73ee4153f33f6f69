package common

// IsPlainName tells whether a name means the same as a file's name everywhere:
// ASCII letters, digits, dashes and underscores, the first one a letter or a
// digit, limit at most.
func IsPlainName(name string, limit int) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '-' || c == '_'):
		default:
			return false
		}
	}
	return name != "" && len(name) <= limit
}
