package launch

import (
	"context"
	"io"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/network/jobsock"
)

// Rows go the same way as summaries: they must not wait for a job whose socket
// is gone.
func TestATokenIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logrus.New()
		log.SetOutput(io.Discard)
		socket := jobsock.DialFunc(func() (string, error) { return "", fs.ErrNotExist }, log)
		defer socket.Close()
		b := &build{socket: socket}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		asked := time.Now()
		_, _, _, err := b.runtime(ctx)
		if waited := time.Since(asked); err == nil || waited > time.Minute {
			t.Errorf("after %s: %v", waited, err)
		}
	})
}
