package job

import (
	"io"
	"strings"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/network/spool"
)

func TestAJobWithoutItsExecutorSaysSoInItsLog(t *testing.T) {
	dir := t.TempDir()
	trace, err := spool.Create(dir, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{spec: &common.JobSpec{Executor: "vm"}, task: &runnerv1.Task{}, log: newLog(io.Discard), trace: trace}
	err = r.work(t.Context(), Options{
		Executors: func(*process.Family, logrus.FieldLogger) common.Providers { return nil },
	})
	if err == nil {
		t.Error("no error")
	}
	if err := trace.Close(); err != nil {
		t.Fatal(err)
	}
	reader := spool.OpenReader(dir)
	defer reader.Close()
	var rows []string
	if _, err := reader.Read(0, func(record spool.Record) bool {
		if row, err := record.Row(); err == nil {
			rows = append(rows, row.Content)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || !strings.Contains(rows[0], `no executor "vm"`) {
		t.Errorf("rows %q", rows)
	}
}
