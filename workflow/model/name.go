package model

import (
	"strings"

	"multirunner/workflow/expression"
)

// maxJobName is where the name of a job of a matrix is cut, in characters
// (GitHub: 100).
const maxJobName = 100

// EvalName gives the name that people see: what `name` evaluates to, or else
// the id; with the combination's values behind it unless `name` has an
// expression. The scope has the combination as its matrix.
func (j *Job) EvalName(scope expression.Scope, c Combination) (string, error) {
	name, err := j.Name.EvalString(scope)
	if err != nil {
		return "", err
	}
	if name = strings.TrimSpace(name); name == "" {
		name = j.ID
	}
	if c.Suffix == "" || j.Name.IsExpression() {
		return name, nil
	}
	name += " " + c.Suffix
	if runes := []rune(name); len(runes) > maxJobName {
		name = string(runes[:maxJobName-len("...")]) + "..."
	}
	return name, nil
}
