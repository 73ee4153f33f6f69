package contract

import (
	"context"
	"io"
	"slices"
	"testing"

	"multirunner/common"
)

func testProvider(t *testing.T, h Harness) {
	provider, spec := h.New(t)
	t.Run("has a name and serves schemes", func(t *testing.T) {
		if provider.Name() == "" || len(provider.Schemes()) == 0 {
			t.Errorf("name %q, schemes %q", provider.Name(), provider.Schemes())
		}
		if _, ok := (common.Providers{provider.Name(): provider}).ForScheme(provider.Schemes()[0]); !ok {
			t.Error("not found by its own scheme")
		}
	})
	t.Run("is available where its tests run", func(t *testing.T) {
		if err := provider.Available(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("jobs get of the runner's own variables what they are meant to", func(t *testing.T) {
		runner := &common.RunnerConfig{Name: "r", Executor: provider.Name()}
		runner.Shell.PassEnvironment = []string{"PASSED"}
		names := provider.Inherits(runner)
		if slices.Contains(names, marker) || slices.Contains(names, "") {
			t.Errorf("names %q", names)
		}
		if h.Real && (!slices.Contains(names, "PATH") || !slices.Contains(names, "PASSED")) {
			t.Errorf("PATH or what is configured is not among %q", names)
		}
	})
	t.Run("a reservation may be released twice", func(t *testing.T) {
		r, err := provider.Acquire(t.Context(), &common.RunnerConfig{Name: "r", Executor: provider.Name(), Shell: spec.Shell})
		if err != nil {
			t.Fatal(err)
		}
		r.Release()
		r.Release()
	})
}

func testLifecycle(t *testing.T, h Harness) {
	create := func(t *testing.T, of func(*testing.T) (common.ExecutorProvider, *common.JobSpec)) common.Executor {
		t.Helper()
		provider, spec := of(t)
		e, err := provider.Create(spec)
		if err != nil {
			t.Fatalf("Create: %v", err)
		}
		return e
	}
	cleanTwice := func(t *testing.T, e common.Executor) {
		t.Helper()
		for i := range 2 {
			if err := e.Cleanup(context.Background()); err != nil {
				t.Errorf("Cleanup %d: %v", i+1, err)
			}
		}
	}
	t.Run("cleanup may be repeated", func(t *testing.T) {
		e := create(t, h.New)
		if err := e.Prepare(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		cleanTwice(t, e)
	})
	t.Run("cleanup needs no prepare", func(t *testing.T) { cleanTwice(t, create(t, h.New)) })
	t.Run("cleanup follows a prepare that failed", func(t *testing.T) {
		e := create(t, h.Broken)
		if err := e.Prepare(t.Context(), io.Discard); err == nil {
			t.Error("the broken job can be prepared")
		}
		cleanTwice(t, e)
	})
	t.Run("cleanup works for a cancelled job", func(t *testing.T) {
		e := create(t, h.New)
		if err := e.Prepare(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Cleanup(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("stopping background processes may be repeated and needs none", func(t *testing.T) {
		e := prepare(t, h)
		for range 2 {
			if err := e.StopBackground(t.Context()); err != nil {
				t.Error(err)
			}
		}
		e.output(t, "true")
	})
	t.Run("nothing runs before prepare and after cleanup", func(t *testing.T) {
		e := create(t, h.New)
		cmd := &common.Command{Path: "sh", Args: []string{"-c", "true"}}
		for _, when := range []string{"before prepare", "after cleanup"} {
			if _, err := e.Run(t.Context(), cmd); err == nil {
				t.Errorf("Run works %s", when)
			}
			if _, err := e.WriteTemp(t.Context(), "f", nil); err == nil {
				t.Errorf("WriteTemp works %s", when)
			}
			if _, err := e.ReadTemp(t.Context(), "f", 1); err == nil {
				t.Errorf("ReadTemp works %s", when)
			}
			if when == "before prepare" {
				if err := e.Prepare(t.Context(), io.Discard); err != nil {
					t.Fatal(err)
				}
				if err := e.Cleanup(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	t.Run("paths are known from the start and stay", func(t *testing.T) {
		e := create(t, h.New)
		before := e.Paths()
		if before.Workspace == "" || before.Temp == "" || before.Home == "" || before.ToolCache == "" {
			t.Errorf("one is missing: %+v", before)
		}
		if err := e.Prepare(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		if after := e.Paths(); after != before {
			t.Errorf("before %+v, after %+v", before, after)
		}
		cleanTwice(t, e)
	})
}
