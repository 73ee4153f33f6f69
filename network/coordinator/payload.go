package coordinator

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// stepText is what the names of steps are made of. Only the payload decides:
// runners cannot name steps.
type stepText struct {
	Name string `yaml:"name"`
	Run  string `yaml:"run"`
	Uses string `yaml:"uses"`
}

// payloadSteps reads the steps of a payload, none from one that is no workflow.
func payloadSteps(payload []byte) []stepText {
	var workflow struct {
		Jobs map[string]struct {
			Steps []*stepText `yaml:"steps"`
		} `yaml:"jobs"`
	}
	if yaml.Unmarshal(payload, &workflow) != nil {
		return nil
	}
	var steps []stepText
	for _, job := range workflow.Jobs {
		for _, step := range job.Steps {
			if step != nil {
				steps = append(steps, *step)
			}
		}
	}
	return steps
}

func (t stepText) display() string {
	if t.Name != "" {
		return t.Name
	}
	if t.Uses != "" {
		return "Run " + t.Uses
	}
	first, _, _ := strings.Cut(strings.TrimSpace(t.Run), "\n")
	return "Run " + first
}
