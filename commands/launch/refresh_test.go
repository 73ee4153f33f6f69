package launch

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"multirunner/common"
	"multirunner/network"
)

func TestAReloadReadsCAFilesAgain(t *testing.T) {
	h := newHouse(t)
	defer h.server.Close()
	signed, other := httptest.NewTLSServer(h.server.Handler()), filepath.Join("testdata", "other-ca.pem")
	defer signed.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	old, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	renewed := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed.Certificate().Raw})
	write := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(ca, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(old)
	l, leave := h.open()
	defer leave()
	l.o.Pool = network.NewPool(network.PoolOptions{})
	defer l.o.Pool.Close()
	h.runner.URL, h.runner.TLSCAFile = signed.URL, ca
	client, err := l.Dial(h.runner)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Declare(t.Context(), "v", nil); network.Classify(err) != network.ClassTransport {
		t.Fatalf("with the old file: %v", err)
	}
	write(renewed)
	config := common.DefaultConfig()
	config.Runners = []*common.RunnerConfig{h.runner}
	l.Reconfigure(config)
	if _, err := client.Declare(t.Context(), "v", nil); err != nil {
		t.Errorf("after the reload: %v", err)
	}
}
