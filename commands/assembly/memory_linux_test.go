package assembly

import (
	"io"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"multirunner/common"
	"multirunner/executors/dummy"
	"multirunner/network"
)

func TestJobsCannotReadTheMemoryOfTheRunner(t *testing.T) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	provider := dummy.NewProvider(dummy.Script{})
	pool := network.NewPool(network.PoolOptions{})
	defer pool.Close()
	r, err := New(Options{
		Config: common.DefaultConfig(), StateDir: t.TempDir(), Providers: common.Providers{provider.Name(): provider},
		Pool: pool, Registerer: prometheus.NewRegistry(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(0)
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		t.Errorf("dumpable is %d, %v", dumpable, err)
	}
}
