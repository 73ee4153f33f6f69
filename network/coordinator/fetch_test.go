package coordinator_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/network"
	"multirunner/network/coordinator"
)

func TestTheVersionGate(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	task, idle := r.fetch(0)
	if task != nil || idle == 0 {
		t.Fatalf("idle: %v, version %d", task, idle)
	}
	b.enqueue()
	b.enqueue()
	first, version := r.fetch(idle)
	if first == nil || version <= idle {
		t.Fatalf("first: %v, version %d", first, version)
	}
	if task, same := r.fetch(version); task != nil || same != version {
		t.Errorf("a runner that keeps the version gets %v, %d", task, same)
	}
	if task, same := r.fetch(0); task == nil || same != version {
		t.Errorf("a runner that resets the version gets %v, %d", task, same)
	}
}

func TestVersionsArePerScope(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	scopes := []coordinator.Scope{{}, {Owner: "owner"}, repo, {Owner: "else"}, {Owner: "owner", Repo: "else"}}
	versions := func() (all []int64) {
		for _, scope := range scopes {
			all = append(all, b.Version(scope))
		}
		return all
	}
	before := versions()
	b.enqueue()
	after := versions()
	for i, scope := range scopes {
		if grew := after[i] > before[i]; grew != (i < 3) {
			t.Errorf("%v: from %d to %d", scope, before[i], after[i])
		}
	}
	r := b.runner(coordinator.RunnerSpec{Scope: repo})
	task := r.mustFetch()
	before = versions()
	r.finish(task.GetId(), success, nil)
	if !slices.Equal(versions(), before) {
		t.Error("the end of the last job woke somebody up")
	}
	b.enqueue()
	b.enqueue()
	task = r.mustFetch()
	before = versions()
	r.finish(task.GetId(), success, nil)
	if after := versions(); after[2] <= before[2] {
		t.Error("the end of a job while others wait did not wake anybody up")
	}
}

func TestWhoGetsWhichJob(t *testing.T) {
	for name, test := range map[string]struct {
		spec   coordinator.RunnerSpec
		labels []string
		want   bool
	}{
		"global":               {coordinator.RunnerSpec{}, []string{"linux"}, true},
		"owner":                {coordinator.RunnerSpec{Scope: coordinator.Scope{Owner: "owner"}}, []string{"linux"}, true},
		"repo":                 {coordinator.RunnerSpec{Scope: repo}, []string{"linux"}, true},
		"other owner":          {coordinator.RunnerSpec{Scope: coordinator.Scope{Owner: "else"}}, []string{"linux"}, false},
		"other repo":           {coordinator.RunnerSpec{Scope: coordinator.Scope{Owner: "owner", Repo: "else"}}, []string{"linux"}, false},
		"all labels":           {coordinator.RunnerSpec{Labels: []string{"a", "b", "c"}}, []string{"c", "a"}, true},
		"one label missing":    {coordinator.RunnerSpec{Labels: []string{"a"}}, []string{"a", "b"}, false},
		"case":                 {coordinator.RunnerSpec{Labels: []string{"Linux"}}, []string{"linux"}, false},
		"whole label":          {coordinator.RunnerSpec{Labels: []string{"linux:docker://x"}}, []string{"linux"}, false},
		"no labels are wanted": {coordinator.RunnerSpec{Labels: []string{"x"}}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, coordinator.Options{})
			r := b.runner(test.spec)
			b.Enqueue(coordinator.RawJob{Labels: test.labels, Payload: []byte(payload)})
			if unmatched := len(b.Unmatched()) > 0; unmatched == test.want {
				t.Errorf("unmatched: %v", unmatched)
			}
			if task, _ := r.fetch(0); (task != nil) != test.want {
				t.Errorf("got %v", task)
			}
		})
	}
}

func TestLabelsDeclaredLaterNeedVersionZero(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{Labels: []string{"x"}})
	b.enqueue()
	_, version := r.fetch(0)
	if _, err := r.Declare(t.Context(), "v", []string{"linux"}); err != nil {
		t.Fatal(err)
	}
	if task, _ := r.fetch(version); task != nil {
		t.Error("the current version got a task")
	}
	if task, _ := r.fetch(0); task == nil {
		t.Error("version 0 got no task")
	}
}

func TestJobsComeOldestFirstAndOnce(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	var want, got []int64
	for range 3 {
		want = append(want, b.enqueue())
	}
	for i := range 6 {
		task, _ := b.runner(coordinator.RunnerSpec{}).fetch(0)
		if (task != nil) != (i < 3) {
			t.Fatalf("poll %d: %v", i, task)
		}
		if task != nil {
			got = append(got, b.task(task.GetId()).JobID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestDisabledRunnersIdleAndWakeUp(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	if err := b.DisableRunner(r.row.UUID, true); err != nil {
		t.Fatal(err)
	}
	task, version := r.fetch(0)
	if task != nil {
		t.Fatal("a disabled runner got a task")
	}
	if err := b.DisableRunner(r.row.UUID, false); err != nil {
		t.Fatal(err)
	}
	if task, _ := r.fetch(version); task == nil {
		t.Error("enabling did not wake the runner up")
	}
}

func TestEphemeralRunnersGetOneTask(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{Ephemeral: true})
	b.enqueue()
	b.enqueue()
	task := r.mustFetch()
	if second, _ := r.fetch(0); second != nil {
		t.Fatal("a second task while the first runs")
	}
	r.finish(task.GetId(), success, nil)
	if _, err := r.log(task.GetId(), 0, 1, true); network.Classify(err) != network.ClassUnregistered {
		t.Errorf("rows after the end: %v", err)
	}
	if got := b.task(task.GetId()); got.LogRows != 0 || got.Status != coordinator.StatusSuccess {
		t.Errorf("task %+v", got)
	}
}

func TestThrottleEchoesTheVersion(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	b.Fault(coordinator.FetchTask, coordinator.Fault{Throttle: true, Count: 2})
	for _, sent := range []int64{0, 17} {
		if task, version := r.fetch(sent); task != nil || version != sent {
			t.Errorf("sent %d: %v, %d", sent, task, version)
		}
	}
	r.mustFetch()
}

func TestAClaimWhosePollIsGoneIsReleased(t *testing.T) {
	for name, legacy := range map[string]bool{"July 2026": false, "before": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, coordinator.Options{Legacy: coordinator.Legacy{NoRelease: legacy}})
				r := b.runner(coordinator.RunnerSpec{})
				job := b.enqueue()
				b.Fault(coordinator.FetchTask, coordinator.Fault{DelayClaim: time.Second, Count: 1})
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				if _, err := r.FetchTask(ctx, network.FetchRequest{}); err == nil {
					t.Fatal("no error")
				}
				synctest.Wait()
				task, _ := r.fetch(0)
				if (task == nil) != legacy {
					t.Errorf("got task %d", task.GetId())
				}
				if got, _ := b.Job(job); got.Status != coordinator.StatusRunning {
					t.Errorf("job %+v", got)
				}
			})
		})
	}
}

func TestRequestKeys(t *testing.T) {
	fetch := func(r *runner, key string) int64 {
		t.Helper()
		answer, err := r.FetchTask(t.Context(), network.FetchRequest{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Tasks) == 0 {
			return 0
		}
		return answer.Tasks[0].GetId()
	}
	t.Run("Forgejo gives the same task again", func(t *testing.T) {
		b := newBench(t, coordinator.Options{Forgejo: true})
		r := b.runner(coordinator.RunnerSpec{})
		b.enqueue()
		b.Fault(coordinator.FetchTask, coordinator.Fault{DropAfter: true, Count: 1})
		_, err := r.FetchTask(t.Context(), network.FetchRequest{Key: "k"})
		if network.Classify(err) != network.ClassTransport || !network.RequestSent(err) {
			t.Fatalf("%v", err)
		}
		first := r.mustFetchKey("k")
		again := r.mustFetchKey("k")
		if first.GetId() != 1 || again.GetId() != 1 {
			t.Errorf("tasks %d and %d", first.GetId(), again.GetId())
		}
		if first.GetSecrets()["GITEA_TOKEN"] == again.GetSecrets()["GITEA_TOKEN"] {
			t.Error("the same token was told twice")
		}
		other := b.runner(coordinator.RunnerSpec{})
		if id := fetch(other, "k"); id != 0 {
			t.Errorf("another runner's key got task %d", id)
		}
		if id := fetch(r, "next"); id != 0 {
			t.Errorf("a new key got task %d", id)
		}
	})
	t.Run("Gitea does not read them", func(t *testing.T) {
		b := newBench(t, coordinator.Options{})
		r := b.runner(coordinator.RunnerSpec{})
		b.enqueue()
		if first, again := fetch(r, "k"), fetch(r, "k"); first != 1 || again != 0 {
			t.Errorf("tasks %d and %d", first, again)
		}
	})
	t.Run("one request at a time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, coordinator.Options{Forgejo: true})
			r := b.runner(coordinator.RunnerSpec{})
			b.Fault(coordinator.FetchTask, coordinator.Fault{Hold: time.Minute})
			done := make(chan error)
			go func() {
				_, err := r.FetchTask(t.Context(), network.FetchRequest{Key: "k", Hold: 10 * time.Second})
				done <- err
			}()
			synctest.Wait()
			_, err := r.FetchTask(t.Context(), network.FetchRequest{Key: "k"})
			if network.Classify(err) != network.ClassInternal {
				t.Errorf("the second: %v", err)
			}
			if err := <-done; err != nil {
				t.Errorf("the first: %v", err)
			}
		})
	})
}
