package coordinator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// claims are those of the runtime token of a task.
type claims struct {
	Expires   int64  `json:"exp"`
	NotBefore int64  `json:"nbf"`
	Scope     string `json:"scp"`
	TaskID    int64  `json:"TaskID"`
	RunID     int64  `json:"RunID"`
	JobID     int64  `json:"JobID"`
	Access    string `json:"ac"`
}

// runtimeToken is the JWT that goes with a task. It lives an hour longer than
// a task may.
func (s *Server) runtimeToken(task *taskRow) string {
	run, job := task.job.run.id, task.job.id
	body, err := json.Marshal(claims{
		Expires:   task.started.Add(s.options.EndlessTimeout + time.Hour).Unix(),
		NotBefore: task.started.Unix(),
		Scope:     fmt.Sprintf("Actions.Results:%d:%d", run, job),
		TaskID:    task.id,
		RunID:     run,
		JobID:     job,
		Access:    `[{"Scope":"","Permission":2}]`,
	})
	if err != nil {
		return "" // cannot happen: numbers and text
	}
	encoding := base64.RawURLEncoding
	head := encoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encoding.EncodeToString(body)
	return head + "." + encoding.EncodeToString(s.sign(head))
}

func (s *Server) sign(head string) []byte {
	mac := hmac.New(sha256.New, s.jwtKey)
	mac.Write([]byte(head))
	return mac.Sum(nil)
}

func (s *Server) verifyToken(token string) (claims, error) {
	head, signature, ok := cutLast(token, ".")
	_, body, ok2 := strings.Cut(head, ".")
	if !ok || !ok2 {
		return claims{}, errors.New("not a token")
	}
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, s.sign(head)) {
		return claims{}, errors.New("wrong signature")
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return claims{}, err
	}
	var c claims
	if err := json.Unmarshal(raw, &c); err != nil {
		return claims{}, err
	}
	if now := s.now().Unix(); now < c.NotBefore || now > c.Expires {
		return claims{}, errors.New("expired")
	}
	return c, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
