package supervisor

import (
	"errors"
	"fmt"
	"slices"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"go.yaml.in/yaml/v4"

	"multirunner/common"
)

// Choice is where a task runs: the configured label that decided, the zero
// one when none did, and the executor that it means.
type Choice struct {
	Label    common.Label
	Executor string
}

// MissingLabel is a configured label that the server is not told of.
type MissingLabel struct {
	Label  string
	Reason string
}

// labelPlan is what a registration's labels mean on this machine, now.
type labelPlan struct {
	declared  []string // bare names, in the order of the configuration
	choices   []Choice // of all labels, those with a missing executor too
	fallback  string   // the executor of a task that none of them decides
	executors []string // needed by what is declared
	missing   []MissingLabel
	fault     string // why the registration cannot run anything here, or ""
}

// planLabels reads the labels of a registration. faults says why an executor
// cannot work on this machine; one without a fault works.
func planLabels(runner *common.RunnerConfig, providers common.Providers, faults map[string]error) labelPlan {
	p := labelPlan{fallback: runner.Executor}
	for _, text := range runner.Labels {
		label, err := common.ParseLabel(text)
		if err != nil {
			p.missing = append(p.missing, MissingLabel{text, err.Error()})
			continue
		}
		choice, err := executorOf(label, runner, providers, faults)
		p.choices = append(p.choices, choice)
		if err != nil {
			p.missing = append(p.missing, MissingLabel{text, err.Error()})
			continue
		}
		if !slices.Contains(p.declared, label.Name) {
			p.declared = append(p.declared, label.Name)
		}
		if !slices.Contains(p.executors, choice.Executor) {
			p.executors = append(p.executors, choice.Executor)
		}
	}
	if len(runner.Labels) == 0 {
		// Such a registration gets the jobs that ask for nothing.
		p.executors = []string{p.fallback}
		if _, err := executorOf(common.Label{}, runner, providers, faults); err != nil {
			p.fault = err.Error()
		}
	} else if len(p.declared) == 0 {
		p.fault = "none of its labels can be served here: " + p.missing[0].Label + ": " + p.missing[0].Reason
	}
	return p
}

// executorOf gives the executor that a label means, and why it is missing.
func executorOf(label common.Label, runner *common.RunnerConfig, providers common.Providers, faults map[string]error) (Choice, error) {
	choice := Choice{Label: label, Executor: runner.Executor}
	if label.Scheme != "" {
		provider, ok := providers.ForScheme(label.Scheme)
		if !ok {
			choice.Executor = label.Scheme
			return choice, fmt.Errorf("no executor for %q in this runner", label.Scheme)
		}
		choice.Executor = provider.Name()
	}
	provider, ok := providers[choice.Executor]
	if !ok {
		return choice, fmt.Errorf("no executor %q in this runner", choice.Executor)
	}
	if err := faults[faultKey(provider, runner)]; err != nil {
		return choice, fmt.Errorf("executor %s: %w", choice.Executor, err)
	}
	return choice, nil
}

// choose decides where a task runs: the first entry of its runs-on that names
// a configured label decides; none means the registration's executor.
func (p labelPlan) choose(runsOn []string) Choice {
	for _, name := range runsOn {
		for _, choice := range p.choices {
			if choice.Label.Name == name {
				return choice
			}
		}
	}
	return Choice{Executor: p.fallback}
}

// runsOn reads what a task asks for. The server has evaluated it already.
func runsOn(task *runnerv1.Task) ([]string, error) {
	var payload struct {
		Jobs map[string]struct {
			RunsOn yaml.Node `yaml:"runs-on"`
		} `yaml:"jobs"`
	}
	if len(task.GetWorkflowPayload()) == 0 {
		return nil, errors.New("the server sent no workflow with this task")
	}
	if err := yaml.Unmarshal(task.GetWorkflowPayload(), &payload); err != nil {
		return nil, fmt.Errorf("the job's workflow, as the server sent it, cannot be read: %w", err)
	}
	if len(payload.Jobs) != 1 {
		return nil, fmt.Errorf("the job's workflow, as the server sent it, has %d jobs instead of one", len(payload.Jobs))
	}
	for _, job := range payload.Jobs {
		return labelNames(&job.RunsOn), nil
	}
	return nil, nil
}

// labelNames reads a runs-on: a text, a list, or a mapping with labels.
// Anything else asks for nothing; the job itself says what is wrong with it.
func labelNames(node *yaml.Node) []string {
	node = behindAlias(node)
	if node.Kind == yaml.MappingNode {
		node = behindAlias(labelsKey(node))
	}
	switch node.Kind {
	case yaml.ScalarNode:
		if node.Value != "" {
			return []string{node.Value}
		}
	case yaml.SequenceNode:
		var names []string
		for _, item := range node.Content {
			if item = behindAlias(item); item.Kind == yaml.ScalarNode {
				names = append(names, item.Value)
			}
		}
		return names
	}
	return nil
}

func behindAlias(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

// labelsKey gives the value of "labels" in a mapping, or an empty node.
func labelsKey(mapping *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == "labels" {
			return mapping.Content[i+1]
		}
	}
	return new(yaml.Node)
}
