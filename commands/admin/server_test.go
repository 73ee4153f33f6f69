package admin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const servingAll, servingDebug = "Serving metrics", "for debugging"

func TestItServesAndLeavesThePortFree(t *testing.T) {
	w := newWorld(t)
	w.run(Addresses{Listen: "127.0.0.1:0"})
	at := w.serving(servingAll)
	if status, body := get(t, "http://"+at+"/metrics"); status != 200 || !strings.Contains(body, "gitea_runner_test 0") {
		t.Errorf("metrics: %d %s", status, body)
	}
	for _, path := range []string{"/healthz", "/readyz", "/", "/debug/jobs/list", "/debug/runners", "/debug/process/state", "/debug/pprof/"} {
		if status, body := get(t, "http://"+at+path); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ := get(t, "http://"+at+"/nothing"); status != 404 {
		t.Errorf("a path that is not there: %d", status)
	}
	w.stop()
	again, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	again.Close()
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	w := newWorld(t)
	w.run(Addresses{Listen: "127.0.0.1:0"})
	base := "http://" + w.serving(servingAll)
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/", "/debug/jobs/list", "/debug/runners", "/debug/process/state", "/debug/pprof/", "/debug/pprof/symbol"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			if res, _ := ask(t, method, base+path); res.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, res.StatusCode)
			}
		}
	}
	res, body := ask(t, http.MethodHead, base+"/metrics")
	if res.StatusCode != 200 || body != "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("HEAD: %d %v %q", res.StatusCode, res.Header, body)
	}
}

func TestAPortInUseIsAnErrorInTheLogAndTriedAgain(t *testing.T) {
	other := taken(t)
	w := newWorld(t)
	w.run(Addresses{Listen: other.Addr().String()})
	w.eventually("the error is logged", func() bool { return strings.Contains(w.logText(), "error listen_address") })
	text := w.logText()
	if !strings.Contains(text, other.Addr().String()) || !strings.Contains(text, "in use") || !strings.Contains(text, "choose a free address") {
		t.Errorf("log: %s", text)
	}
	<-time.After(5 * w.admin.retry)
	if n := strings.Count(w.logText(), "in use"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	other.Close()
	if at := w.serving(servingAll); at != other.Addr().String() {
		t.Errorf("served at %s", at)
	}
}

func TestAddressesChangeWithoutARestart(t *testing.T) {
	w := newWorld(t)
	w.run(Addresses{Listen: "127.0.0.1:0"})
	first := w.serving(servingAll)
	_, port, _ := net.SplitHostPort(first)

	// Another address with the same port.
	w.admin.Use(Addresses{Listen: "localhost:" + port})
	w.eventually("the port is taken over", func() bool { return strings.Count(w.logText(), servingAll) == 2 })
	if status, _ := get(t, "http://"+first+"/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}

	// One that is not free: what is there stays.
	other := taken(t)
	defer other.Close()
	w.admin.Use(Addresses{Listen: other.Addr().String()})
	w.eventually("the error is logged", func() bool { return strings.Contains(w.logText(), "in use") })
	if status, _ := get(t, "http://"+first+"/healthz"); status != 200 {
		t.Errorf("after an address that is in use: healthz: %d", status)
	}

	// None.
	w.admin.Use(Addresses{})
	w.eventually("nothing listens", func() bool {
		conn, err := net.Dial("tcp", first)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})

	w.admin.Use(Addresses{Listen: first, Debug: "127.0.0.1:0"})
	w.eventually("the first one listens again", func() bool { return strings.Count(w.logText(), servingAll) == 3 })
	debug := w.serving(servingDebug)
	if status, _ := get(t, "http://"+debug+"/debug/pprof/"); status != 200 {
		t.Errorf("pprof at the debug address: %d", status)
	}
	if status, _ := get(t, "http://"+debug+"/metrics"); status != 404 {
		t.Errorf("metrics at the debug address: %d", status)
	}
}

func TestAClientThatDawdlesIsCutOff(t *testing.T) {
	w := newWorld(t)
	w.admin.limits.readHeader, w.admin.limits.readWrite = 100*time.Millisecond, 200*time.Millisecond
	w.run(Addresses{Listen: "127.0.0.1:0"})
	conn, err := net.Dial("tcp", w.serving(servingAll))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestHeadersThatAreTooLargeAreRefused(t *testing.T) {
	w := newWorld(t)
	w.run(Addresses{Listen: "127.0.0.1:0"})
	res, _ := ask(t, http.MethodGet, "http://"+w.serving(servingAll)+"/metrics", func(r *http.Request) {
		r.Header.Set("X-Large", strings.Repeat("x", 32<<10))
	})
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", res.StatusCode)
	}
}

func TestARequestUnderWayIsFinishedAtTheEndAndOneThatHangsIsCutOff(t *testing.T) {
	w := newWorld(t)
	w.admin.limits.stop = 300 * time.Millisecond
	w.run(Addresses{Listen: "127.0.0.1:0"})
	at := w.serving(servingAll)
	profile := func(seconds int) net.Conn {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET /debug/pprof/trace?seconds=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", seconds)
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // it has begun
			t.Fatal(err)
		}
		return conn
	}
	profile(30)
	began := time.Now()
	w.stop()
	if took := time.Since(began); took < 250*time.Millisecond || took > 3*time.Second {
		t.Errorf("the end took %s", took)
	}
	if again, err := net.Listen("tcp", at); err != nil {
		t.Errorf("the port is not free: %v", err)
	} else {
		again.Close()
	}
}
