package spool

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

func TestALaterVersionIsRefusedAndNothingOfItIsChanged(t *testing.T) {
	for name, change := range map[string]func(content []byte) (file string, changed []byte){
		"of the spool": func(content []byte) (string, []byte) {
			changed := bytes.Clone(content)
			changed[4] = 9
			return FileName, changed
		},
		"of sent": func([]byte) (string, []byte) { return SentName, []byte(`{"v":9,"offset":"of another form"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := Create(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Row(time.Now(), "a"), w.Close()); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(filepath.Join(dir, FileName))
			if err != nil {
				t.Fatal(err)
			}
			if err := Foreign(dir); err != nil {
				t.Fatalf("of this version: %v", err)
			}
			file, changed := change(before)
			path := filepath.Join(dir, file)
			if err := os.WriteFile(path, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			spool, err := os.ReadFile(filepath.Join(dir, FileName))
			if err != nil {
				t.Fatal(err)
			}
			_, recovered := Recover(dir, Closing{At: time.Now(), Result: runnerv1.Result_RESULT_FAILURE, Rows: []string{"x"}})
			for what, err := range map[string]error{"Foreign": Foreign(dir), "Recover": recovered} {
				var version *common.VersionError
				if !errors.As(err, &version) || version.File != path || version.Found != 9 {
					t.Errorf("%s: %v", what, err)
				}
			}
			if now, err := os.ReadFile(filepath.Join(dir, FileName)); err != nil || !bytes.Equal(now, spool) {
				t.Errorf("the spool was changed: %v", err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, changed) {
				t.Errorf("%s was changed: %v", file, err)
			}
		})
	}
}

func TestADirectoryWithoutASpoolIsOfNoVersion(t *testing.T) {
	if err := Foreign(t.TempDir()); err != nil {
		t.Error(err)
	}
}
