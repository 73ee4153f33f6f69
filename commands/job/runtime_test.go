package job

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestRuntimeComesFromTheTasksContext(t *testing.T) {
	jwt := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"JobID":12345678901234567,"RunID":2}`)) + ".sig"
	tests := map[string]struct {
		context         map[string]any
		token, run, job string
	}{
		"gitea":                {map[string]any{"gitea_runtime_token": jwt, "token": "t", "run_id": "2"}, jwt, "2", "12345678901234567"},
		"forgejo":              {map[string]any{"forgejo_runtime_token": jwt, "gitea_runtime_token": "old", "run_id": "2"}, jwt, "2", "12345678901234567"},
		"server without it":    {map[string]any{"token": "t", "run_id": "9"}, "t", "9", ""},
		"token that is no JWT": {map[string]any{"gitea_runtime_token": "a.%%%.c"}, "a.%%%.c", "", ""},
		"nothing":              {nil, "", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			context, err := structpb.NewStruct(test.context)
			if err != nil {
				t.Fatal(err)
			}
			got := RuntimeOf(&runnerv1.Task{Context: context})
			if got.Token.Reveal() != test.token || got.RunID != test.run || got.JobID != test.job {
				t.Errorf("got run %q job %q", got.RunID, got.JobID)
			}
			if text := fmt.Sprintf("%v %+v %#v", got, got, got); len(test.token) > 3 && strings.Contains(text, test.token) {
				t.Error("the token can be printed")
			}
		})
	}
}
