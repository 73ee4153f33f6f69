package gitwire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// watch ends a request when nothing has come for too long.
type watch struct {
	stall  time.Duration
	timer  *time.Timer
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func newWatch(ctx context.Context, stall time.Duration) (context.Context, *watch) {
	w := &watch{stall: stall}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(stall, func() { w.cancel(ErrStalled) })
	return w.ctx, w
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain gives the reason of a request that was ended.
func (w *watch) explain(err error) error {
	if err == nil || w.ctx.Err() == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return context.Cause(w.ctx)
}

// reader feeds the watch with what is read.
func (w *watch) reader(r io.Reader) io.Reader { return &watched{w, r} }

type watched struct {
	watch *watch
	r     io.Reader
}

func (r *watched) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if n > 0 {
		r.watch.timer.Reset(r.watch.stall)
	}
	if err != nil && err != io.EOF {
		err = r.watch.explain(err)
	}
	return n, err
}

// statusError reads what came with a status that is no success.
func statusError(response *http.Response, body io.Reader) error {
	e := &StatusError{Code: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		text, _ := io.ReadAll(io.LimitReader(body, 4096)) // what is missing is not missed
		e.Text = oneLine(string(text))
	}
	return e
}
