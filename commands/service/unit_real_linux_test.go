//go:build real

package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemdFindsNothingWrongWithTheUnit has systemd itself read it. That the
// program is found shows that systemd reads its path as we mean it.
func TestSystemdFindsNothingWrongWithTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here (Debian: apt-get install systemd): the unit was not checked by it")
	}
	for name, dir := range map[string]string{"plain": "bin", "hostile": `my own/$HOME/100%/a ; b`} {
		t.Run(name, func(t *testing.T) {
			spec := hostileSpec()
			spec.User = "root"
			spec.Program = filepath.Join(t.TempDir(), dir, "runner")
			if err := os.MkdirAll(filepath.Dir(spec.Program), 0o755); err != nil {
				t.Fatal(err)
			}
			file(t, spec.Program, 0o755)
			if out := verify(t, analyze, spec); out != "" {
				t.Errorf("systemd-analyze verify:\n%s", out)
			}
			// It would have told.
			if err := os.Remove(spec.Program); err != nil {
				t.Fatal(err)
			}
			if out := verify(t, analyze, spec); !strings.Contains(out, "not executable") {
				t.Errorf("the program is gone, and systemd-analyze verify says %q", out)
			}
		})
	}
}

func verify(t *testing.T, analyze string, spec Spec) string {
	t.Helper()
	text, err := unitText(spec)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), spec.Name+".service")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
