//go:build unix

package admin

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAddressesArePassedOnAndWhoConnectsInBetweenWaits(t *testing.T) {
	for range 20 { // what is wanted may come before or after the first look
		w := newWorld(t)
		w.run(Addresses{Listen: "127.0.0.1:0", Debug: "localhost:0"})
		at, debugAt := w.serving(servingAll), w.serving(servingDebug)
		w.admin.Keep()
		w.stop()
		kept := w.admin.Kept()
		if len(kept) != 2 || kept[0].Key != "listen_address" || kept[0].Address != "127.0.0.1:0" || kept[1].Key != "debug_address" {
			t.Fatalf("kept %+v", kept)
		}
		answered := make(chan int, 1)
		go func() {
			res, err := http.Get("http://" + at + "/healthz")
			if err != nil {
				answered <- 0
				return
			}
			res.Body.Close()
			answered <- res.StatusCode
		}()
		select {
		case status := <-answered:
			t.Fatalf("answered by nobody: %d", status)
		case <-time.After(5 * time.Millisecond):
		}
		next := newWorld(t)
		next.admin.options.Inherited = kept
		next.run(Addresses{Listen: "127.0.0.1:0"})
		if got := next.serving(servingAll); got != at {
			t.Errorf("served at %s, want %s as before", got, at)
		}
		if status := <-answered; status != http.StatusOK {
			t.Errorf("who waited got %d", status)
		}
		// The other one is not wanted any more.
		next.eventually("the other address is free", func() bool {
			_, err := http.Get("http://" + debugAt + "/")
			return err != nil && strings.Contains(err.Error(), "refused")
		})
		next.stop()
		http.DefaultClient.CloseIdleConnections()
	}
}
