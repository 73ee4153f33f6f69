package engine

import (
	"strings"
	"testing"
)

// BenchmarkCompositeSteps is what ten trivial steps of one composite action
// cost, without processes.
func BenchmarkCompositeSteps(b *testing.B) {
	const count = 10
	files := "-- octo/ten@v1/action.yml --\nruns:\n  using: composite\n  steps:\n" + strings.Repeat("  - {shell: bash, run: out x}\n", count)
	t := newBench(b, steps("- uses: octo/ten@v1")).lay(files)
	for b.Loop() {
		t.trace, t.executor = newTrace(), newFake()
		if t.build().Run(b.Context()) != success.proto() {
			b.Fatal(t.text())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/job")
}

// BenchmarkResolve is what it costs to find all actions of a job that are there
// already: 20 of them, of which half are within composite actions.
func BenchmarkResolve(b *testing.B) {
	list, files := "", ""
	for _, name := range strings.Split("abcdefghij", "") {
		list += "- uses: octo/" + name + "@v1\n"
		files += "-- octo/" + name + "@v1/action.yml --\nruns: {using: composite, steps: [{uses: octo/in" + name + "@v1}]}\n"
		files += "-- octo/in" + name + "@v1/action.yml --\nruns: {using: node20, main: main.js}\n-- octo/in" + name + "@v1/main.js --\nout x\n"
	}
	t := newBench(b, steps(list)).lay(files)
	job := t.build()
	if err := job.readPayload(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		job.actions = newActionSet(t.source)
		if err := job.resolveActions(b.Context(), job.frame.steps); err != nil {
			b.Fatal(err)
		}
	}
}
