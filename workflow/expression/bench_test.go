package expression

import (
	"strconv"
	"testing"
)

const typicalCondition = "github.event_name == 'push' && (startsWith(github.ref, 'refs/heads/') || contains(list, matrix.os)) && !cancelled()"

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(typicalCondition); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	scope := testScope(b)
	e, err := Parse(typicalCondition)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Eval(scope); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	scope := testScope(b)
	tmpl, err := ParseTemplate("build-${{ matrix.os }}-${{ matrix.node }}-${{ github.run_number }}")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Eval(scope); err != nil {
			b.Fatal(err)
		}
	}
}

// An event with 1,000 commits goes through toJSON and back.
func BenchmarkJSON(b *testing.B) {
	commits := make([]Value, 1000)
	for i := range commits {
		commits[i] = NewObject(
			Pair{"id", String("4b825dc642cb6eb9a060e54bf8d69288fbee4904")},
			Pair{"message", String("Fix \"it\"\n\nAll of it, number " + strconv.Itoa(i))},
			Pair{"added", Array([]Value{String("a.go"), String("b.go")})},
		)
	}
	scope := ScopeOf(NewObject(Pair{"commits", Array(commits)}), nil)
	e, err := Parse("fromJSON(toJSON(commits)).*.message")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Eval(scope); err != nil {
			b.Fatal(err)
		}
	}
}
