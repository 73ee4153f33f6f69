package matcher

import (
	"fmt"
	"testing"
)

// buildLog is like what builds print; one line in a hundred is a problem.
func buildLog(lines int) []string {
	log := make([]string, lines)
	for i := range log {
		switch {
		case i%100 == 99:
			log[i] = fmt.Sprintf("src/module%d/file.c:%d:7: warning: unused variable 'x' [-Wunused-variable]", i%97, i)
		case i%5 == 0:
			log[i] = fmt.Sprintf("2026-01-02T03:04:05.%07dZ [%5d/200000] Building CXX object src/module%d/CMakeFiles/target.dir/file%d.cpp.o", i, i, i%97, i)
		case i%5 == 1:
			log[i] = fmt.Sprintf("ok  \texample.com/project/internal/package%d\t%d.%03ds", i%300, i%10, i%1000)
		case i%5 == 2:
			log[i] = fmt.Sprintf("\x1b[33mnpm WARN\x1b[0m deprecated package-%d@%d.%d.0: Please upgrade to a newer version", i%500, i%9, i%20)
		case i%5 == 3:
			log[i] = fmt.Sprintf("Downloading https://repo.example.com/maven2/org/example/lib-%d/1.%d/lib-%d-1.%d.jar sha256=%064x", i%400, i%30, i%400, i%30, i*2654435761)
		default:
			log[i] = "    at org.example.service.handler.RequestHandler.handle(RequestHandler.java:" + fmt.Sprint(i%900) + ")"
		}
	}
	return log
}

// One operation is a whole log of 200,000 lines; with two matchers it must stay
// below 0.2 s.
func BenchmarkScan200kLines(b *testing.B) {
	for _, names := range [][]string{
		{}, {"gcc", "go"}, {"tsc", "eslint-stylish"}, {"csc", "python"},
		{"gcc", "go", "tsc", "eslint-stylish", "csc", "python", "rustc"},
	} {
		b.Run(fmt.Sprint(names), func(b *testing.B) {
			var s Set
			for _, name := range names {
				s.Add(load(b, name))
			}
			log := buildLog(200_000)
			b.ReportAllocs()
			for b.Loop() {
				for _, line := range log {
					s.Scan(line)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/log")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"gcc", "eslint-stylish", "csc"} {
		b.Run(name, func(b *testing.B) {
			data := []byte(read(b, name+".json"))
			for b.Loop() {
				if _, err := Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
