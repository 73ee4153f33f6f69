package common

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"multirunner/helpers/suggest"
	"multirunner/helpers/tomltext"
)

// DecodeConfig reads a configuration. Nothing but the bytes is looked at: file
// is its name in messages.
//
// The error tells that the file cannot be used at all. What is wrong with one
// key or one registration is a Problem. A registration that has one which is
// no warning is in Runners too, at its index, perhaps incomplete: skip it.
func DecodeConfig(file string, data []byte) (*Config, []Problem, error) {
	d := &decoder{file: file, doc: tomltext.Scan(data), config: DefaultConfig()}
	if err := d.decode(string(data)); err != nil {
		return nil, nil, err
	}
	d.unknownKeys()
	v := &validation{config: d.config, skip: d.failed, line: d.doc.Line}
	d.problems = append(d.problems, v.run()...)
	for i := range d.problems {
		d.problems[i].File = file
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return d.config, d.problems, nil
}

type decoder struct {
	file     string
	doc      *tomltext.Doc
	meta     toml.MetaData
	config   *Config
	failed   []bool // registrations that could not be decoded
	problems []Problem
}

func (d *decoder) decode(text string) error {
	// Registrations are decoded one by one, so that one with a value of the
	// wrong type does not take the others with it.
	raw := struct {
		*Config
		Runners []toml.Primitive `toml:"runners"`
	}{Config: d.config}
	var err error
	if d.meta, err = toml.Decode(text, &raw); err != nil {
		return d.fatal(err, text)
	}
	d.failed = make([]bool, len(raw.Runners))
	for i, primitive := range raw.Runners {
		runner := DefaultRunner()
		if err := d.meta.PrimitiveDecode(primitive, runner); err != nil {
			runner = d.identity(primitive)
			d.failed[i] = true
			key, message, _ := explain(err, text)
			if key == "" {
				key = "runners"
			}
			d.problems = append(d.problems, Problem{
				Runner: i, Key: key, Message: message, Line: d.doc.Line(runnerPath(i, key)),
			})
		}
		d.config.Runners = append(d.config.Runners, runner)
	}
	return nil
}

// identity gives a registration with nothing but what names it.
func (d *decoder) identity(primitive toml.Primitive) *RunnerConfig {
	var any struct {
		Name any `toml:"name"`
		URL  any `toml:"url"`
		UUID any `toml:"uuid"`
	}
	runner := DefaultRunner()
	if d.meta.PrimitiveDecode(primitive, &any) == nil {
		runner.Name, _ = any.Name.(string)
		runner.URL, _ = any.URL.(string)
		runner.UUID, _ = any.UUID.(string)
	}
	return runner
}

// fatal makes the error of a file that does not decode.
func (d *decoder) fatal(err error, text string) error {
	key, message, line := explain(err, text)
	if line == 0 {
		line = d.doc.Line(key)
	}
	where := d.file
	if line > 0 {
		where += fmt.Sprintf(":%d", line)
	}
	if secret := d.secretAt(line); secret != "" {
		// The decoder quotes what it does not understand.
		return fmt.Errorf(`%s: the value of a %[2]s is not text in quotes: write %[2]s = "…"`, where, secret)
	}
	if key != "" {
		where += ": " + key
	}
	return fmt.Errorf("%s: %s: correct this line (text stands in quotes), the file cannot be used before", where, message)
}

// secretKeys are those whose values are never repeated.
var secretKeys = []string{"token", "password"}

// secretAt gives the key of a secret that stands in a line, or "".
func (d *decoder) secretAt(line int) string {
	for _, e := range d.doc.Entries() {
		if key := strings.ToLower(e.Keys[len(e.Keys)-1]); e.Line == line && slices.Contains(secretKeys, key) {
			return key
		}
	}
	return ""
}

// explain takes the decoder's errors apart. Syntax errors are typed, those of
// wrong types are text only.
func explain(err error, text string) (key, message string, line int) {
	var parse toml.ParseError
	if errors.As(err, &parse) {
		// Its own line is one too many when the newline is what is wrong.
		before := text[:min(max(0, parse.Position.Start), len(text))]
		return parse.LastKey, parse.Message, 1 + strings.Count(before, "\n")
	}
	// Compiled here: errors are rare, and every process would pay for it.
	var (
		decoderPrefix = regexp.MustCompile(`^toml: (?:line (\d+) )?\(last key "([^"]*)"\): `)
		decoderTypes  = regexp.MustCompile(`^incompatible types: TOML value has type ([^;]+); destination has type (.+)$`)
		decoderTable  = regexp.MustCompile(`^type mismatch for .+: expected table but found (.+)$`)
	)
	message = strings.TrimPrefix(err.Error(), "toml: ")
	if m := decoderPrefix.FindStringSubmatch(err.Error()); m != nil {
		key, message = m[2], err.Error()[len(m[0]):]
		fmt.Sscan(m[1], &line) // stays 0 when there is none
	}
	if m := decoderTypes.FindStringSubmatch(message); m != nil {
		message = fmt.Sprintf("is %s, must be %s", tomlType(m[1]), tomlType(m[2]))
	}
	if m := decoderTable.FindStringSubmatch(message); m != nil {
		message = fmt.Sprintf("is %s, must be a table", tomlType(m[1]))
	}
	return key, message, line
}

// tomlType names a type as people who write TOML do.
func tomlType(decoders string) string {
	switch {
	case strings.HasPrefix(decoders, "[]"), decoders == "slice":
		return "a list"
	case strings.HasPrefix(decoders, "map"):
		return "a table"
	case strings.HasPrefix(decoders, "int"):
		return "an integer"
	case strings.HasPrefix(decoders, "float"):
		return "a number"
	case strings.HasPrefix(decoders, "bool"):
		return "true or false"
	case strings.HasPrefix(decoders, "string"):
		return "text"
	}
	return "of type " + decoders
}

// unknownKeys reports what the decoder had no place for, once for each line.
func (d *decoder) unknownKeys() {
	tables := keyTables()
	reported := map[string]bool{}
	for _, key := range d.meta.Undecoded() {
		path := strings.Join(key, ".")
		table, name := splitKey(path)
		if reported[path] || underReported(reported, path) || isKnown(tables, table, name) {
			continue
		}
		reported[path] = true
		d.reportUnknown(key, path, nearestKey(tables, table, name))
	}
}

func (d *decoder) reportUnknown(key toml.Key, path, suggestion string) {
	problem := Problem{
		Runner: GlobalProblem, Key: path, Message: "unknown key", Suggestion: suggestion, Warning: true, Unknown: true,
	}
	found := false
	for _, e := range d.doc.Entries() {
		if !slices.Equal(e.Keys, key) {
			continue
		}
		found = true
		problem.Line, problem.Runner = e.Line, runnerOf(e.Path)
		d.problems = append(d.problems, problem)
	}
	if !found {
		d.problems = append(d.problems, problem)
	}
}

// runnerOf reads the index out of "runners[3].x".
func runnerOf(path string) int {
	index := GlobalProblem
	fmt.Sscanf(path, "runners[%d]", &index)
	return index
}

// underReported tells whether a table around the key is unknown itself.
func underReported(reported map[string]bool, path string) bool {
	for table, _ := splitKey(path); table != ""; table, _ = splitKey(table) {
		if reported[table] {
			return true
		}
	}
	return false
}

// isKnown is for keys that the decoder did not reach behind a wrong value.
func isKnown(tables map[string][]string, table, name string) bool {
	return slices.ContainsFunc(tables[strings.ToLower(table)], func(known string) bool {
		return strings.EqualFold(known, name)
	})
}

// nearestKey looks for a likely slip in the same table, then for the very key
// in another one.
func nearestKey(tables map[string][]string, table, name string) string {
	if near := suggest.Nearest(name, tables[table]); near != "" {
		return near
	}
	for _, known := range KnownKeys() {
		if _, last := splitKey(known.Path); last == name {
			return known.Path
		}
	}
	return ""
}
