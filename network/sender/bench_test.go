package sender

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/network"
	"multirunner/network/spool"
)

// fastServer acknowledges everything.
type fastServer struct{ requests atomic.Int64 }

func (f *fastServer) UpdateLog(_ context.Context, req *runnerv1.UpdateLogRequest) (*runnerv1.UpdateLogResponse, error) {
	f.requests.Add(1)
	return &runnerv1.UpdateLogResponse{AckIndex: req.Index + int64(len(req.Rows))}, nil
}

func (f *fastServer) UpdateTask(context.Context, *runnerv1.UpdateTaskRequest) (*runnerv1.UpdateTaskResponse, error) {
	f.requests.Add(1)
	return &runnerv1.UpdateTaskResponse{}, nil
}

func (f *fastServer) UploadSummary(context.Context, network.SummaryRequest) error { return nil }

// keptSource does not give its space back, so that it can be sent again.
type keptSource struct{ spool.Source }

func (keptSource) Release(int64) (bool, error) { return false, nil }

// A job of 200,000 rows, from its spool to the server's acknowledgement.
func BenchmarkSend200kRows(b *testing.B) {
	for name, client := range map[string]func() Reporter{
		"sender alone":    func() Reporter { return new(fastServer) },
		"with the client": func() Reporter { return newFake().client() },
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			w, err := spool.Create(dir, spool.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			content := strings.Repeat("line of a build log ", 5)
			for range 200_000 {
				if err := w.Row(time.Now(), content); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.End(&runnerv1.TaskState{Result: success, StoppedAt: timestamppb.Now()}, ""); err != nil {
				b.Fatal(err)
			}
			log := logrus.New()
			log.SetLevel(logrus.ErrorLevel)
			for b.Loop() {
				s := New(Options{Config: defaults, Log: log})
				source := spool.OpenReader(dir)
				h := s.Add(Job{
					TaskID:   taskID,
					Client:   client(),
					Source:   keptSource{source},
					SaveSent: func(sent spool.Sent) error { return spool.StoreSent(dir, sent) },
				})
				<-h.Done()
				s.Close(b.Context())
				_ = source.Close()
			}
		})
	}
}
