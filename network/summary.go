package network

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"multirunner/common"
)

// SummaryRequest is the summary of one step, for servers with the capability
// "job-summary".
type SummaryRequest struct {
	RuntimeToken common.Secret // the task's own, not the runner's
	RunID        string
	JobID        string // of the server's job row: the token's claim JobID
	Step         int    // 0-based
	Markdown     []byte // empty clears; at most 1 MiB
}

// UploadSummary sets a step's summary. It is taken only while the task runs,
// and may be repeated.
func (c *Client) UploadSummary(ctx context.Context, r SummaryRequest) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	target := fmt.Sprintf("%s/api/actions_pipeline/_apis/pipelines/workflows/%s/jobs/%s/steps/%d/summary",
		c.endpoint.url, url.PathEscape(r.RunID), url.PathEscape(r.JobID), r.Step)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, target, bytes.NewReader(r.Markdown))
	if err != nil {
		return c.endpoint.callError(ctx, methodSummary, err)
	}
	req.Header.Set("Authorization", "Bearer "+r.RuntimeToken.Reveal())
	req.Header.Set("Content-Type", "text/markdown")
	res, err := c.endpoint.http.Do(req)
	if err != nil {
		return c.endpoint.callError(ctx, methodSummary, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return c.endpoint.callError(ctx, methodSummary, responseError(res))
	}
	// Read to the end, so that the connection is used again.
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, errorBytes))
	return c.endpoint.callError(ctx, methodSummary, err)
}
