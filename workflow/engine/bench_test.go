package engine

import (
	"fmt"
	"strings"
	"testing"

	"multirunner/common"
)

// BenchmarkOutput is 200,000 lines of one step with 20 secrets, of which one
// line in a hundred holds one.
func BenchmarkOutput(b *testing.B) {
	const lines, chunk = 200_000, 32 << 10
	var text strings.Builder
	for i := range lines {
		if i%100 == 0 {
			fmt.Fprintf(&text, "line %d with the secret number-7-of-the-benchmark in it\n", i)
			continue
		}
		fmt.Fprintf(&text, "line %d: compiled module example.org/thing/number/%d in %d ms\n", i, i%977, i%31)
	}
	data := []byte(text.String())
	for b.Loop() {
		t := newBench(b, steps("- run: out x"))
		t.build()
		for i := range 20 {
			t.masker.Add(fmt.Sprintf("number-%d-of-the-benchmark", i))
		}
		out := newStepOutput(newStepRun(t.job, &phase{step: newStep(nil, t.job.frame, -1, "x", nil)})).stream()
		for from := 0; from < len(data); from += chunk {
			out.Write(data[from:min(from+chunk, len(data))])
		}
		out.flush()
		if len(t.trace.rows) != lines {
			b.Fatalf("%d rows", len(t.trace.rows))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
	b.SetBytes(int64(len(data)))
}

// BenchmarkStep is what one more trivial step costs, without processes.
func BenchmarkStep(b *testing.B) {
	const count = 100
	payload := steps(strings.Repeat("- run: out x\n", count))
	for b.Loop() {
		t := newBench(b, payload)
		t.spec.Dirs = common.JobDirs{}
		t.build()
		if t.job.Run(b.Context()) != success.proto() {
			b.Fatal(t.text())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/count, "µs/step")
}
