package commands

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestCompletionPrintsAScriptForEachShell(t *testing.T) {
	w := newWorld(t)
	for shell, want := range map[string]string{
		"bash": "complete -o bashdefault -o default -F _runner runner",
		"zsh":  "#compdef runner",
		"fish": "complete -c runner",
	} {
		w.must(t, "completion", shell)
		contains(t, w.stdout.String(), want)
	}
	w.fails(t, []string{"completion", "sh"}, `"sh" is none of bash, zsh and fish`)
	w.fails(t, []string{"completion"}, "name one shell")
}

func TestTheProgramCompletesVerbs(t *testing.T) {
	// The library looks at the arguments of the process, not of the app.
	before := os.Args
	defer func() { os.Args = before }()
	complete := func(w *world, args ...string) {
		args = append(args, "--generate-bash-completion")
		os.Args = append([]string{"runner"}, args...)
		w.must(t, args...)
	}
	w := newWorld(t)
	complete(w, "config")
	contains(t, w.stdout.String(), "check\n", "show\n")
	complete(w, "list", "--js")
	contains(t, w.stdout.String(), "--json\n")
	complete(w)
	contains(t, w.stdout.String(), "register\n", "verify\n")
	if strings.Contains(w.stdout.String(), "echo") {
		t.Error("a hidden verb is offered")
	}
}

func TestTheBashScriptAsksTheProgram(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	tests := []struct{ typed, current, want string }{
		{"runner", "re", "register"},
		{"runner config", "", "check show"},
		{"runner list", "--js", "--json"},
		{"runner exec -- x", "re", ""},
	}
	for _, tt := range tests {
		script := bashCompletion + `
runner() {
    case "$*" in
    "--generate-bash-completion") printf '%s\n' register verify ;;
    "config --generate-bash-completion") printf '%s\n' check show ;;
    "list --js --generate-bash-completion") printf '%s\n' --json ;;
    *) echo "called with $*" ;;
    esac
}
COMP_WORDS=(` + tt.typed + ` "` + tt.current + `")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_runner
echo "${COMPREPLY[*]}"
`
		out, err := exec.Command(bash, "-c", script).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%s %s: got %q, %v, want %q", tt.typed, tt.current, got, err, tt.want)
		}
	}
}
