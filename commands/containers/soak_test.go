//go:build real && soak

package containers

import "testing"

// The long counts of the tests of the same names.
func TestSoakWorkflowsWithContainers(t *testing.T) { manyWorkflows(t, 50) }

func TestSoakExecWithContainers(t *testing.T) { manyExecs(t, 50) }
