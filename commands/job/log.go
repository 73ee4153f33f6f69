package job

import (
	"io"
	"sync"

	"github.com/sirupsen/logrus"
)

// outputMax is the most that a job process writes of its own to out.log.
const outputMax = 1 << 20

// newLog gives the job process's own log. It is for operators and never sent.
func newLog(out io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(&limited{out: out, left: outputMax})
	log.SetLevel(logrus.DebugLevel)
	log.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})
	return log
}

// limited drops what goes over its limit.
type limited struct {
	mu   sync.Mutex
	out  io.Writer
	left int
}

func (l *limited) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(data) > l.left {
		l.left = 0
		return len(data), nil
	}
	l.left -= len(data)
	return l.out.Write(data)
}
