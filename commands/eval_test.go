package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/urfave/cli/v2"
)

// runEvalApp runs `runner eval ARGS` and gives what it writes.
func runEvalApp(t *testing.T, stdin io.Reader, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	app := &cli.App{
		Name: "runner", Reader: stdin, Writer: &out, ErrWriter: io.Discard,
		Commands:       []*cli.Command{EvalCommand()},
		ExitErrHandler: func(*cli.Context, error) {},
	}
	err := app.Run(append([]string{"runner", "eval"}, args...))
	return out.String(), err
}

func TestEvalPrintsKindAndValue(t *testing.T) {
	file := filepath.Join(t.TempDir(), "contexts.json")
	contexts := `{"github": {"ref": "refs/heads/main", "event": {"z": 1, "a": [true, null, "<&>"]}}, "matrix": {"node": 20}}`
	if err := os.WriteFile(file, []byte(contexts), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		"1":                        `{"kind":"Number","value":1}`,
		"1.50":                     `{"kind":"Number","value":1.5}`,
		"0.1 == 0.1":               `{"kind":"Boolean","value":true}`,
		"(-0)":                     `{"kind":"Number","value":0}`,
		"1e21":                     `{"kind":"Number","value":1e+21}`,
		"NaN":                      `{"kind":"Number","value":"NaN"}`,
		"Infinity":                 `{"kind":"Number","value":"Infinity"}`,
		"fromJSON('[-1e999]')":     `{"kind":"Array","value":["-Infinity"]}`,
		"null":                     `{"kind":"Null","value":null}`,
		"":                         `{"kind":"Null","value":null}`,
		"'a\"b<c>\n'":              `{"kind":"String","value":"a\"b<c>\n"}`,
		"GitHub.event":             `{"kind":"Object","value":{"z":1,"a":[true,null,"<&>"]}}`,
		"github.event.a":           `{"kind":"Array","value":[true,null,"<&>"]}`,
		"matrix.node && 'x'":       `{"kind":"String","value":"x"}`,
		"${{ matrix.node }}":       `{"kind":"Number","value":20}`,
		"  ${{ matrix.node }}\n":   `{"kind":"Number","value":20}`,
		"${{ matrix.node }}-x":     `{"kind":"String","value":"20-x"}`,
		"contains('${{', '{')":     `{"kind":"Boolean","value":true}`,
		"success() && always()":    `{"kind":"Boolean","value":true}`,
		"failure() || cancelled()": `{"kind":"Boolean","value":false}`,
		"fromJSON('{\"a\":{}}')":   `{"kind":"Object","value":{"a":{}}}`,
		"fromJSON('[]')":           `{"kind":"Array","value":[]}`,
	}
	for expr, want := range cases {
		t.Run(expr, func(t *testing.T) {
			got, err := runEvalApp(t, nil, "--contexts", file, expr)
			if err != nil {
				t.Fatal(err)
			}
			if got != want+"\n" {
				t.Errorf("got  %swant %s", got, want)
			}
		})
	}
}

func TestEvalPrintsErrorsAndExitsWith1(t *testing.T) {
	cases := map[string]struct{ kind, value string }{
		"a = b":             {"lexing", "Unexpected symbol: '='"},
		"1 +":               {"lexing", "Unexpected symbol: '+'"},
		"(1":                {"parsing", "Unexpected end of expression: '1'"},
		"github.ref":        {"parsing", "Unrecognized named-value: 'github'"},
		"nope()":            {"parsing", "Unrecognized function: 'nope'"},
		"success(1)":        {"parsing", "Too many parameters"},
		"fromJSON('{')":     {"evaluation", "Error parsing fromJson"},
		"hashFiles('**')":   {"evaluation", "no workspace"},
		"${{ }}":            {"parsing", "An expression was expected"},
		"${{ 1":             {"lexing", "The expression is not closed"},
		"${{ 1 }} ${{ a }}": {"parsing", "Unrecognized named-value: 'a'"},
	}
	for expr, want := range cases {
		t.Run(expr, func(t *testing.T) {
			got, err := runEvalApp(t, nil, expr)
			var exit cli.ExitCoder
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || exit.Error() != "" {
				t.Errorf("got error %v, want exit code 1 and no text", err)
			}
			checkErrLine(t, got, want.kind, want.value)
		})
	}
}

func checkErrLine(t *testing.T, line, kind, value string) {
	t.Helper()
	var answer struct {
		Err struct{ Kind, Value string }
	}
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if answer.Err.Kind != kind || !strings.Contains(answer.Err.Value, value) {
		t.Errorf("got  %s\nwant %s: %s", line, kind, value)
	}
}

func TestEvalBatchAnswersEveryLine(t *testing.T) {
	lines := []struct{ in, want string }{
		{`{"expr": "1 + 1"}`, `{"err":{"kind":"lexing"`},
		{`{"expr": "a.b", "contexts": {"A": {"b": [1, 2]}}}`, `{"kind":"Array","value":[1,2]}`},
		{`{"expr": "a.b"}`, `{"err":{"kind":"parsing","value":"Unrecognized named-value: 'a'`},
		{`{"expr": "${{ 2 }}", "contexts": null}`, `{"kind":"Number","value":2}`},
		{`{"expr": ""}`, `{"kind":"Null","value":null}`},
		{`not json`, `{"err":{"kind":"parsing","value":"not a line of JSON: line 1, column 1`},
		{``, `{"err":{"kind":"parsing","value":"not a line of JSON`},
		{`[1]`, `{"err":{"kind":"parsing","value":"the line has no string under \"expr\""}}`},
		{`{"expr": 1}`, `{"err":{"kind":"parsing","value":"the line has no string under \"expr\""}}`},
		{`{"expr": "1", "contexts": []}`, `{"err":{"kind":"parsing","value":"\"contexts\" is not an object with a key per context"}}`},
		{`{"expr": "fromJSON('')", "contexts": {}}` + "\r", `{"err":{"kind":"evaluation"`},
		{`{"expr": "'` + strings.Repeat("x", 30_000) + `'"}`, `{"err":{"kind":"lexing","value":"Exceeded max expression length`},
		{`{"expr": "big", "contexts": {"big": "` + strings.Repeat("x", 200_000) + `"}}`, `{"kind":"String","value":"xxx`},
		{`{"expr": "'the last'"}`, `{"kind":"String","value":"the last"}`},
	}
	for _, end := range []string{"\n", ""} {
		var in strings.Builder
		for i, line := range lines {
			if i > 0 {
				in.WriteString("\n")
			}
			in.WriteString(line.in)
		}
		in.WriteString(end)
		out, err := runEvalApp(t, strings.NewReader(in.String()), "--batch")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(got) != len(lines) {
			t.Fatalf("got %d answers, want %d", len(got), len(lines))
		}
		for i, line := range lines {
			if !strings.HasPrefix(got[i], line.want) {
				t.Errorf("line %d:\ngot  %.300s\nwant %s", i+1, got[i], line.want)
			}
			if !json.Valid([]byte(got[i])) {
				t.Errorf("line %d is not JSON: %.300s", i+1, got[i])
			}
		}
	}
}

func TestEvalBatchAnswersBeforeTheNextLineComes(t *testing.T) {
	in, send := io.Pipe()
	receive, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := evalBatch(in, out)
		out.CloseWithError(err)
		done <- err
	}()
	answers := json.NewDecoder(receive)
	for want := 1.0; want <= 3; want++ {
		if _, err := io.WriteString(send, `{"expr": "n", "contexts": {"n": `+string('0'+rune(want))+"}}\n"); err != nil {
			t.Fatal(err)
		}
		var answer struct{ Value float64 }
		if err := answers.Decode(&answer); err != nil || answer.Value != want {
			t.Fatalf("got %v, %v, want %v", answer.Value, err, want)
		}
	}
	send.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestEvalFaultsOfUse(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cases := map[string]struct {
		args []string
		want string
	}{
		"no expression":      {nil, "0 arguments, give one expression"},
		"two expressions":    {[]string{"1", "2"}, "2 arguments, give one expression"},
		"missing file":       {[]string{"--contexts", filepath.Join(dir, "missing.json"), "1"}, "missing.json"},
		"no JSON":            {[]string{"--contexts", write("bad.json", "{\n  a: 1}"), "1"}, "bad.json is not JSON: line 2, column 3"},
		"no object":          {[]string{"--contexts", write("list.json", "[]"), "1"}, "list.json holds a JSON array"},
		"batch and argument": {[]string{"--batch", "1"}, "--batch takes"},
		"batch and contexts": {[]string{"--batch", "--contexts", "x"}, "--batch takes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := runEvalApp(t, strings.NewReader(""), c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if out != "" {
				t.Errorf("wrote %s", out)
			}
		})
	}
}

func TestEvalBatchTellsWhereReadingFailed(t *testing.T) {
	in := io.MultiReader(strings.NewReader(`{"expr":"1"}`+"\n"), iotest.ErrReader(errors.New("gone")))
	out, err := runEvalApp(t, in, "--batch")
	if err == nil || !strings.Contains(err.Error(), "line 2 of standard input: gone") {
		t.Errorf("got %v", err)
	}
	if out != `{"kind":"Number","value":1}`+"\n" {
		t.Errorf("got %s", out)
	}
}

func TestEvalMinusNeedsDashes(t *testing.T) {
	got, err := runEvalApp(t, nil, "--", "-1 < 0")
	if err != nil || got != `{"kind":"Boolean","value":true}`+"\n" {
		t.Errorf("got %s, %v", got, err)
	}
}
