package commands

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

const completionDescription = `Prints a script that makes the shell complete verbs and flags of runner.

Example:
   $ runner completion bash >/etc/bash_completion.d/runner
   $ runner completion zsh >"${fpath[1]}/_runner"
   $ runner completion fish >~/.config/fish/completions/runner.fish`

// The program itself says what may follow, when it is called with what is
// typed so far and one flag more. Behind "--" it would not complete but run.

const bashCompletion = `# bash completion for runner
_runner() {
    local word current=${COMP_WORDS[COMP_CWORD]}
    local -a typed=("${COMP_WORDS[@]:0:COMP_CWORD}")
    COMPREPLY=()
    for word in "${typed[@]}"; do
        [[ $word == -- ]] && return
    done
    [[ $current == -* ]] && typed+=("$current")
    mapfile -t COMPREPLY < <(compgen -W "$("${typed[@]}" --generate-bash-completion 2>/dev/null)" -- "$current")
}
complete -o bashdefault -o default -F _runner runner
`

const zshCompletion = `#compdef runner
_runner() {
    local current=${words[CURRENT]}
    local -a typed=("${(@)words[1,CURRENT-1]}") answers
    if (( ${typed[(Ie)--]} )); then
        _files
        return
    fi
    [[ $current == -* ]] && typed+=("$current")
    answers=("${(@f)$("${(@)typed}" --generate-bash-completion 2>/dev/null)}")
    if [[ -n ${answers[1]} ]]; then
        compadd -a answers
    else
        _files
    fi
}
if [[ $funcstack[1] == _runner ]]; then
    _runner "$@"
else
    compdef _runner runner
fi
`

// CompletionCommand is `runner completion`.
func CompletionCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print a script that completes verbs and flags in a shell",
		ArgsUsage:   "bash|zsh|fish",
		Description: completionDescription,
		Action: func(c *cli.Context) error {
			script, err := completionScript(c)
			if err != nil {
				return err
			}
			env.printf("%s", script)
			return nil
		},
	}
}

func completionScript(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("completion: name one shell: bash, zsh or fish")
	}
	switch shell := c.Args().First(); shell {
	case "bash":
		return bashCompletion, nil
	case "zsh":
		return zshCompletion, nil
	case "fish":
		return c.App.ToFishCompletion()
	default:
		return "", fmt.Errorf("completion: %q is none of bash, zsh and fish", shell)
	}
}
