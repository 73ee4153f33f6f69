package coordinator

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	// summaryPattern's task is known by the token alone.
	summaryPattern  = "/api/actions_pipeline/_apis/pipelines/workflows/{run}/jobs/{job}/steps/{step}/summary"
	capabilitySum   = "job-summary"
	maxSummaryBytes = 1 << 20 // per step, and per job
)

// putSummary keeps the summary of a step, for the runtime token of a running
// task.
func (s *Server) putSummary(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(s.options.Capabilities, capabilitySum) {
		http.NotFound(w, r)
		return
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		http.Error(w, "Bad authorization header", http.StatusUnauthorized)
		return
	}
	claims, err := s.verifyToken(token)
	if err != nil {
		http.Error(w, "Error runner api getting task", http.StatusInternalServerError)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "read body: "+err.Error(), http.StatusBadRequest)
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	task := s.tasks[claims.TaskID]
	if task == nil || task.status != StatusRunning {
		http.Error(w, "task is not running", http.StatusInternalServerError)
		return
	}
	step, problem := task.summaryProblem(r, body)
	if problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	if task.summaries == nil {
		task.summaries = make(map[int][]byte)
	}
	if len(body) == 0 {
		delete(task.summaries, step)
	} else {
		task.summaries[step] = body
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // into a recorder: it cannot fail
		"message": "success", "sizeBytes": len(body), "runAttempt": 1,
	})
}

func (t *taskRow) summaryProblem(r *http.Request, body []byte) (step int, problem string) {
	step, err := strconv.Atoi(r.PathValue("step"))
	kind := r.Header.Get("Content-Type")
	switch {
	case r.PathValue("run") != strconv.FormatInt(t.job.run.id, 10):
		return 0, "run-id does not match"
	case r.PathValue("job") != strconv.FormatInt(t.job.id, 10):
		return 0, "job_id mismatch"
	case err != nil || step < 0 || step >= len(t.steps):
		return 0, "step_index mismatch"
	case kind != "" && kind != "text/markdown" && kind != "application/octet-stream":
		return 0, "invalid summary content type"
	case len(body) > maxSummaryBytes:
		return 0, "invalid summary"
	}
	total := len(body)
	for other, summary := range t.summaries {
		if other != step {
			total += len(summary)
		}
	}
	if total > maxSummaryBytes {
		return 0, "job summary aggregate size exceeded"
	}
	return step, ""
}
