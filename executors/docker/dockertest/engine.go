// Package dockertest gives tests a real container engine and images for it.
//
//	engine := dockertest.Engine(t)                        // or the test is skipped
//	ref := dockertest.Image(t, engine, dockertest.Busybox)
//	label := dockertest.Label(t)                          // of this test alone
//	…make containers, networks and volumes that carry it…
//	dockertest.NothingLeft(t, engine, label)
//
// No registry of the network is needed: images are made of the machine's own
// programs (Debian's busybox-static, nodejs, git and redis-server) and loaded
// into the engine. Their tags lie below multirunner-test/ and name their
// content, so that they are made once per machine and stay there; `docker
// images multirunner-test/*` lists them. NewRegistry starts a real registry on
// loopback for tests of pulls.
//
// Without an engine tests are skipped. With MULTIRUNNER_TEST_ENGINE=required
// in the environment, as .ci/run has it, they fail instead.
package dockertest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// Required is the variable that, when it is "required", makes a missing engine
// or program a failure instead of a skip.
const Required = "MULTIRUNNER_TEST_ENGINE"

// answerLimit is how long an engine may take to answer at all.
const answerLimit = 10 * time.Second

// Engine gives a client of the machine's engine: the one of DOCKER_HOST, else
// the one at the system's socket. The client is the test's own, closed at its
// end. Without an engine the test is skipped.
func Engine(t testing.TB) *client.Client {
	t.Helper()
	engine, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatalf("the engine of DOCKER_HOST: %v", err)
	}
	t.Cleanup(func() { engine.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), answerLimit)
	defer cancel()
	ping, err := engine.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil {
		Missing(t, "no container engine answers at %s", engine.DaemonHost())
	}
	if ping.OSType != "linux" {
		Missing(t, "the engine at %s runs %s containers, not linux", engine.DaemonHost(), ping.OSType)
	}
	return engine
}

// Missing skips a test for something that this machine does not have, or fails
// it where everything must be there.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(Required) == "required" {
		t.Fatalf(format+" ("+Required+"=required)", args...)
	}
	t.Skipf(format+": tests with containers are skipped", args...)
}

// Label gives a label that only this run of this test uses, "key=value".
func Label(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if r == '=' || r == ',' || r == ' ' {
			return '-'
		}
		return r
	}, t.Name())
	return fmt.Sprintf("multirunner-test.run=%s-%d-%d", name, os.Getpid(), time.Now().UnixNano())
}
