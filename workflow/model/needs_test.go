package model

import (
	"fmt"
	"strings"
	"testing"
)

func TestOrderPutsNeedsFirst(t *testing.T) {
	for name, tt := range map[string]struct{ jobs, want string }{
		"file order without needs":  {"c:,a:,b:", "c a b"},
		"needed jobs come first":    {"c: b,a:,b: a", "a b c"},
		"a diamond":                 {"d: b c,b: a,c: a,a:", "a b c d"},
		"ids differ in case":        {"b: A,a:", "a b"},
		"the equal id wins":         {"b: A,a:,A:", "A b a"},
		"the same need twice":       {"b: a a,a:", "a b"},
		"unknown":                   {"build:,b: biuld", `x.yml:4: job "b": needs: there is no job "biuld", did you mean "build"?`},
		"unknown and near nothing":  {"build:,b: zzz", `x.yml:4: job "b": needs: there is no job "zzz"`},
		"itself":                    {"a: a", `x.yml:3: job "a": needs: the jobs wait for each other: a needs a`},
		"a circle":                  {"x: a,a: b,b: c,c: a", `x.yml:6: job "c": needs: the jobs wait for each other: a needs b needs c needs a`},
		"a circle behind good ones": {"x:,a: x b,b: a", `x.yml:5: job "b": needs: the jobs wait for each other: a needs b needs a`},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString("on: push\njobs:\n")
			for _, entry := range strings.Split(tt.jobs, ",") {
				id, needs, _ := strings.Cut(entry, ":")
				fmt.Fprintf(&b, "  %s: {runs-on: x, needs: [%s], steps: [{run: x}]}\n", id, strings.Join(strings.Fields(needs), ", "))
			}
			ordered, err := Order(parse(t, b.String()).Jobs)
			var ids []string
			for _, job := range ordered {
				ids = append(ids, job.ID)
			}
			got := strings.Join(ids, " ")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestOrderIsQuickWithManyJobs(t *testing.T) {
	var b strings.Builder
	b.WriteString("on: push\njobs:\n")
	const jobs = 5_000
	for i := range jobs {
		fmt.Fprintf(&b, "  j%d: {runs-on: x, needs: j%d, steps: [{run: x}]}\n", i, (i+1)%jobs)
	}
	_, err := Order(parse(t, b.String()).Jobs)
	if err == nil || !strings.Contains(err.Error(), "j9 needs … needs j0") {
		t.Errorf("error %v", err)
	}
}
