//go:build real

package actionstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// toolkit are the packages that actions are written with.
var toolkit = []string{"@actions/core@3.0.1", "@actions/exec@3.0.0", "@actions/io@3.0.2", "@actions/glob@0.7.0", "@actions/tool-cache@4.0.0"}

// files makes files for globs.
const files = `
    - run: |
        mkdir -p a/b .hidden skip "with space"
        echo 1 > a/1.txt; echo 2 > a/b/2.txt; echo 3 > .hidden/3.txt; echo 4 > skip/4.txt
        echo 5 > "with space/5.txt"; printf '\0\1' > top.bin; echo 6 > a/skip6.txt; : > a/b/empty
        ln -s a/1.txt link.txt; ln -s a linked
`

func TestTheToolkitAgrees(t *testing.T) {
	j := newJob(t, withToolkit(t), files+`
    - id: kit
      uses: testdata/toolkit@v1
      with: {who to greet: the kit}
    - run: |
        echo 'outputs ${{ toJSON(steps.kit.outputs.text) }}' ${{ fromJSON(steps.kit.outputs.object).a[1] }} "${{ steps.kit.outputs.globbed }}"
        echo "variable $TOOLKIT_VARIABLE"
        toolkit-tool
        echo "again toolkit secret"
        echo "PROBLEM sub/c.txt:5:6: in a later step"
`).want("failure", "success", "success", "success")
	j.wantRows(
		"input [the kit] []", "flag true", "lines one|two|three", `state {"ran":true,"lines":"a\nb"}`, "debug false",
		"Input required and not supplied: missing", "which true", "io false",
		"shown: ***, ***",
		"##[notice]a.txt:3:4: T: a notice", "##[warning]a warning: 100%", "##[warning]in two lines", "##[error]Error: an error",
		"##[warning]PROBLEM sub/a.txt:3:4: found by a matcher",
		"##[group]a group", "in the group", "##[endgroup]",
		"the tool runs", "exec 0 3 out err", "cached true 1.2.3",
		`outputs "first\nsecond" x .hidden/3.txt,a/1.txt,a/b/2.txt,link.txt,linked/1.txt,linked/b/2.txt,with space/5.txt`,
		"variable exported", "in two lines", "the tool runs", "again ***", "##[warning]PROBLEM sub/c.txt:5:6: in a later step",
		`post {"ran":true,"lines":"a\nb"} ["of","main"]`,
		"##[warning]PROBLEM sub/b.txt:1:2: also in the post part", "PROBLEM sub/b.txt:1:2: not any more", "##[error]the post part fails",
	)
	for _, hidden := range []string{"toolkit secret", "of two lines", "only for those who debug"} {
		if strings.Contains(j.trace.text(), hidden) {
			t.Errorf("%q is in:\n%s", hidden, j.trace.text())
		}
	}
	summary := j.trace.summaries[1]
	for _, part := range []string{"<h1>Toolkit</h1>", "with a ***", "<li>x</li>"} {
		if !strings.Contains(summary, part) {
			t.Errorf("%q is not in the summary %q", part, summary)
		}
	}
}

func TestHashFilesIsThatOfTheToolkit(t *testing.T) {
	patterns := []string{
		"**/*.txt", "*.txt", "a/**", "a", "**", "**/*.txt\n!**/skip*", "# none\n.hidden/*\n", "a/b/*\na/*.txt", "none/*",
		"**/?.txt", "with space/*", "a/[12].txt", "linked/*", "link.txt", "top.bin\na/**\n!a/b", "./a/*", "a//b/", "!a\n**",
		"--follow-symbolic-links\n**/*.txt", "--follow-symbolic-links\nlinked/**", "--follow-symbolic-links\n**",
	}
	list, err := json.Marshal(patterns)
	if err != nil {
		t.Fatal(err)
	}
	steps := files + "    - id: kit\n      uses: testdata/hash@v1\n      with: {patterns: '" + string(list) + "'}\n"
	for i, p := range patterns {
		steps += fmt.Sprintf("    - env: {KIT: '${{ steps.kit.outputs.hash%d }}', OURS: \"${{ hashFiles(%s) }}\"}\n", i, arguments(p)) +
			"      run: |\n        echo \"hash [$KIT] [$OURS]\"\n"
	}
	j := newJob(t, withToolkit(t), steps)
	j.run.Run(t.Context())
	n := 0
	for _, row := range j.trace.rows {
		digests, ok := strings.CutPrefix(row, "hash [")
		if !ok || strings.Contains(row, "$") {
			continue
		}
		if kit, ours, _ := strings.Cut(strings.TrimSuffix(digests, "]"), "] ["); kit != ours {
			t.Errorf("for %q the toolkit gives %q, hashFiles %q", patterns[n], kit, ours)
		}
		n++
	}
	if n != len(patterns) {
		t.Errorf("%d digests were compared, want %d; log:\n%s", n, len(patterns), j.trace.text())
	}
}

// arguments writes lines as arguments of an expression's function.
func arguments(lines string) string {
	var quoted []string
	for line := range strings.SplitSeq(lines, "\n") {
		quoted = append(quoted, "'"+line+"'")
	}
	return strings.Join(quoted, ", ")
}
