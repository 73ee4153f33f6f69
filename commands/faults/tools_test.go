//go:build real

package faults

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

func TestTheToolCacheIsWhereTheConfigurationSays(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	tools := filepath.Join(dir, "shared", "tools")
	writeConfig(t, dir, 1, fmt.Sprintf("[actions]\ntool_cache = %q\n", tools), registration(g, "a", ""))
	r := start(t, dir)
	for _, script := range []string{`echo kept > "$RUNNER_TOOL_CACHE/tool"`, `cat "$RUNNER_TOOL_CACHE/tool"; [ "$RUNNER_TOOL_CACHE" = ` + tools + ` ]`} {
		task := g.task(t, g.submit(t, workflow(script)))
		if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
			t.Errorf("status %v, log:\n%s", status, g.text(task))
		}
	}
	r.clean()
}
