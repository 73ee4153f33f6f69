package commands

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"multirunner/workflow/expression"
)

const evalDescription = `Prints what an expression of the workflow language gives, as one line of JSON:
its kind and its value, or what is wrong with it (and exits with 1).
EXPR may stand in ${{ }} or not. The contexts that it uses come from a JSON
file, one key per context. success() and always() are true, failure() and
cancelled() are false.

With --batch every line of standard input is a JSON object such as
{"expr": "matrix.os == 'linux'", "contexts": {"matrix": {"os": "linux"}}}
and gets its answer as one line, in order.

Example:
   $ echo '{"github": {"ref": "refs/heads/main"}}' >contexts.json
   $ runner eval --contexts contexts.json "github.ref == 'refs/heads/main' && 3"
   {"kind":"Number","value":3}`

// EvalCommand is `runner eval`: expressions for authors who wonder what they
// give. It reads nothing but its arguments, the contexts file and, with
// --batch, the app's Reader.
func EvalCommand() *cli.Command {
	return &cli.Command{
		Name:        "eval",
		Usage:       "print what an expression gives",
		ArgsUsage:   "EXPR",
		Description: evalDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "contexts", Usage: "JSON `FILE` with the contexts", TakesFile: true},
			&cli.BoolFlag{Name: "batch", Usage: "read expressions as JSON lines from standard input"},
		},
		Action: runEval,
	}
}

func runEval(c *cli.Context) error {
	if c.Bool("batch") {
		if c.Args().Present() || c.IsSet("contexts") {
			return errors.New("eval: --batch takes expressions and contexts from standard input only")
		}
		return evalBatch(c.App.Reader, c.App.Writer)
	}
	if c.NArg() != 1 {
		return fmt.Errorf("eval: %d arguments, give one expression and quote it; write -- before one that begins with a minus", c.NArg())
	}
	contexts, err := readContexts(c.String("contexts"))
	if err != nil {
		return err
	}
	value, failure := evalText(c.Args().First(), contexts)
	if err := answer(c.App.Writer, value, failure); err != nil {
		return err
	}
	if failure != nil {
		return cli.Exit("", 1)
	}
	return nil
}

// readContexts reads a JSON object; without a file there are no contexts.
func readContexts(file string) (expression.Value, error) {
	if file == "" {
		return expression.NewObject(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return expression.Null, fmt.Errorf("eval: contexts: %w", err)
	}
	contexts, err := expression.FromJSON(string(data))
	if err != nil {
		return expression.Null, fmt.Errorf("eval: contexts file %s is not JSON: %w", file, err)
	}
	if contexts.Kind() != expression.KindObject {
		return expression.Null, fmt.Errorf("eval: contexts file %s holds a JSON %s, not an object with a key per context", file, strings.ToLower(contexts.Kind().String()))
	}
	return contexts, nil
}

// evalBatch answers every line, a bad one with an error, and each at once: the
// other side may wait for it before it writes the next.
func evalBatch(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if line == "" && err != nil {
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("eval: line %d of standard input: %w", n, err)
		}
		value, failure := evalLine(line)
		if err := answer(out, value, failure); err != nil {
			return err
		}
	}
}

// evalLine evaluates {"expr":…, "contexts":{…}}.
func evalLine(line string) (expression.Value, error) {
	request, err := expression.FromJSON(strings.TrimRight(line, "\r\n"))
	if err != nil {
		return expression.Null, fmt.Errorf("not a line of JSON: %w", err)
	}
	expr, _ := request.Get("expr")
	if expr.Kind() != expression.KindString {
		return expression.Null, errors.New(`the line has no string under "expr"`)
	}
	contexts, _ := request.Get("contexts")
	switch contexts.Kind() {
	case expression.KindObject, expression.KindNull:
		return evalText(expr.Text(), contexts)
	}
	return expression.Null, errors.New(`"contexts" is not an object with a key per context`)
}

// evalText evaluates a bare expression, or a text that begins with ${{. No
// text at all is null.
func evalText(text string, contexts expression.Value) (expression.Value, error) {
	scope := expression.ScopeOf(contexts, evalFunctions())
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return expression.Null, nil
	}
	if strings.HasPrefix(trimmed, "${{") {
		t, err := expression.ParseTemplate(trimmed)
		if err != nil {
			return expression.Null, err
		}
		return t.Eval(scope)
	}
	e, err := expression.Parse(text)
	if err != nil {
		return expression.Null, err
	}
	return e.Eval(scope)
}

// evalFunctions are the functions that a job adds to the language.
func evalFunctions() map[string]expression.Function {
	is := func(status expression.Value) expression.Function {
		return expression.Function{MaxArgs: 0, Call: func([]expression.Value) (expression.Value, error) { return status, nil }}
	}
	return map[string]expression.Function{
		"success":   is(expression.True),
		"always":    is(expression.True),
		"failure":   is(expression.False),
		"cancelled": is(expression.False),
		"hashfiles": {MinArgs: 1, MaxArgs: -1, Call: func([]expression.Value) (expression.Value, error) {
			return expression.Null, errors.New("there is no workspace here whose files could be hashed")
		}},
	}
}

// answer writes one line: the value, or the failure.
func answer(out io.Writer, value expression.Value, failure error) error {
	var line bytes.Buffer
	if failure == nil {
		line.WriteString(`{"kind":"` + value.Kind().String() + `","value":`)
		writeCompact(&line, value)
		line.WriteString("}\n")
	} else {
		stage := expression.StageParsing
		if e, ok := errors.AsType[*expression.Error](failure); ok {
			stage = e.Stage
		}
		line.WriteString(`{"err":{"kind":"` + string(stage) + `","value":`)
		writeString(&line, failure.Error())
		line.WriteString("}}\n")
	}
	_, err := out.Write(line.Bytes())
	return err
}

// writeCompact writes a value as JSON in one line, with the keys in order.
// NaN and the infinities, which JSON lacks, become strings.
func writeCompact(b *bytes.Buffer, v expression.Value) {
	switch v.Kind() {
	case expression.KindNumber:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			writeString(b, v.Text())
			return
		}
		number, _ := json.Marshal(v.Float() + 0) // finite, so it cannot fail; and -0 is 0
		b.Write(number)
	case expression.KindString:
		writeString(b, v.Text())
	case expression.KindArray:
		b.WriteByte('[')
		for i, item := range v.Items() {
			if i > 0 {
				b.WriteByte(',')
			}
			writeCompact(b, item)
		}
		b.WriteByte(']')
	case expression.KindObject:
		b.WriteByte('{')
		for i, key := range v.Keys() {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, key)
			b.WriteByte(':')
			item, _ := v.Get(key)
			writeCompact(b, item)
		}
		b.WriteByte('}')
	default:
		b.WriteString(v.JSON())
	}
}

func writeString(b *bytes.Buffer, s string) { b.WriteString(expression.String(s).JSON()) }
