package launch

import "strings"

// processEnvironment is what a job process gets of ours. The executor decides
// what of it reaches the job; our own flags and tokens (token_env) must not
// even reach the job process.
func (l *Launcher) processEnvironment(environ []string) []string {
	l.mu.Lock()
	tokens := map[string]bool{}
	for _, token := range l.tokens {
		tokens[token.Reveal()] = true
	}
	l.mu.Unlock()
	var kept []string
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "MULTIRUNNER_") && (value == "" || !tokens[value]) {
			kept = append(kept, pair)
		}
	}
	return kept
}
