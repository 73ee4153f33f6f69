//go:build unix

package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
)

func TestTheSocketIsPassedOnAndWhoConnectsInBetweenWaits(t *testing.T) {
	for name, sub := range map[string]string{"short": "", "too long for a socket": strings.Repeat("x", 120)} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(stateDir(t), sub)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			log, _ := test.NewNullLogger()
			first, err := Listen(dir, &runner{}, log)
			if err != nil {
				t.Fatal(err)
			}
			before := dial(t, dir)
			if _, err := before.Status(t.Context()); err != nil {
				t.Fatal(err)
			}
			socket, err := first.Detach()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := before.Status(t.Context()); !errors.Is(err, ErrGone) {
				t.Errorf("a conversation with the first goes on: %v", err)
			}
			between := dial(t, dir)
			answered := make(chan error, 1)
			go func() {
				_, err := between.Jobs(t.Context())
				answered <- err
			}()
			select {
			case err := <-answered:
				t.Fatalf("answered by nobody: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			second, err := Inherit(dir, socket, &runner{}, log)
			if err != nil {
				t.Fatal(err)
			}
			if err := <-answered; err != nil {
				t.Errorf("who waited: %v", err)
			}
			if _, err := dial(t, dir).Status(t.Context()); err != nil {
				t.Error(err)
			}
			path, _ := locate(filepath.Join(dir, SocketName))
			if err := second.Close(); err != nil {
				t.Error(err)
			}
			for _, left := range []string{path, filepath.Join(dir, SocketName)} {
				if _, err := os.Lstat(left); err == nil {
					t.Errorf("%s is left", left)
				}
			}
		})
	}
}

func TestAQuestionThatIsBeingAnsweredGetsItsAnswerBeforeTheSocketIsPassedOn(t *testing.T) {
	dir := stateDir(t)
	r := &runner{block: make(chan struct{}), began: make(chan struct{}, 1)}
	s := listen(t, dir, r)
	c := dial(t, dir)
	answered := make(chan error, 1)
	go func() {
		_, err := c.Status(t.Context())
		answered <- err
	}()
	<-r.began
	time.AfterFunc(20*time.Millisecond, func() { close(r.block) })
	socket, err := s.Detach()
	if err != nil {
		t.Fatal(err)
	}
	socket.Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}
