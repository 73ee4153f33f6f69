package store

import (
	"context"
	"fmt"
	"testing"

	"multirunner/workflow/action/gittest"
)

// BenchmarkSecondJob is what the actions of a job cost that another job has
// used before: five of them, each of 100 files, by tags and by commits.
func BenchmarkSecondJob(b *testing.B) {
	for _, way := range []string{"tags", "commits"} {
		b.Run(way, func(b *testing.B) {
			bench := newBench(b)
			var uses []string
			for i := range 5 {
				files := gittest.Files{"action.yml": gittest.Text("name: x")}
				for k := range 100 {
					files[fmt.Sprintf("dist/%d/%d.js", k/10, k)] = gittest.Text(fmt.Sprint(i, k))
				}
				repo := bench.server.Repo(fmt.Sprintf("a/%d", i))
				ref := repo.Commit(files)
				if way == "tags" {
					repo.Tag("v4", ref)
					ref = "v4"
				}
				uses = append(uses, fmt.Sprintf("a/%d@%s", i, ref))
			}
			bench.prepare(bench.store(), bench.requests(uses...)...).Release()
			for b.Loop() {
				s := bench.store()
				p, err := s.Prepare(context.Background(), bench.requests(uses...))
				if err != nil {
					b.Fatal(err)
				}
				p.Release()
				s.Close()
			}
		})
	}
}

// BenchmarkFirstJob is what fetching one action of two megabytes costs.
func BenchmarkFirstJob(b *testing.B) {
	bench := newBench(b)
	files := gittest.Files{"action.yml": gittest.Text("name: x")}
	for k := range 200 {
		line := fmt.Sprintf("function f%d(x) { return x * %d }\n", k, k)
		text := ""
		for len(text) < 10_000 {
			text += line
		}
		files[fmt.Sprintf("dist/%d.js", k)] = gittest.Text(text)
	}
	repo := bench.server.Repo("a/b")
	commit := repo.Commit(files)
	repo.Send(repo.Pack(commit))
	repo.Tag("v1", commit)
	for b.Loop() {
		s := Open(storeDir(b), Options{})
		p, err := s.Prepare(context.Background(), bench.requests("a/b@v1"))
		if err != nil {
			b.Fatal(err)
		}
		p.Release()
		s.Close()
	}
}
