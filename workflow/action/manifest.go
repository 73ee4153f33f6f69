package action

import "multirunner/workflow/model"

// Using is what an action runs on.
type Using string

// What actions run on. Node versions are those that manifests may name, not
// those that there are on a machine.
const (
	Node12      Using = "node12"
	Node16      Using = "node16"
	Node20      Using = "node20"
	Node24      Using = "node24"
	Composite   Using = "composite"
	DockerImage Using = "docker"
)

// supported is in the order that errors name it.
var supported = []Using{Node12, Node16, Node20, Node24, Composite, DockerImage}

// IsNode tells whether the action is run by Node.js.
func (u Using) IsNode() bool {
	return u == Node12 || u == Node16 || u == Node20 || u == Node24
}

// Manifest is a parsed action.yml. It is immutable.
type Manifest struct {
	File     string // what errors call it
	Name     string
	Inputs   []Input  // in file order
	Outputs  []Output // in file order
	Runs     Runs
	Warnings []*model.Error
}

// Input is a declared input. Its name is compared without case.
type Input struct {
	Name string
	// Default may hold expressions, which are evaluated only when the input is
	// not given. It is absent when there is none.
	Default model.Value
	// Required is what the manifest says. GitHub does not enforce it.
	Required bool
	// Deprecation is what to tell whoever gives the input, "" for nothing.
	Deprecation string
	Line        int
}

// Output is a declared output. Only those of composite actions have a Value.
type Output struct {
	Name  string
	Value model.Value
	Line  int
}

// Runs is how an action is run. What does not belong to its Using is empty.
type Runs struct {
	Using Using

	// Of Node.js: files relative to the action's directory, as written. See
	// Locate.
	Main, Pre, Post string
	// Of Node.js and docker: absent means always().
	PreIf, PostIf model.Value

	// Of composite. A Step's Shell is set wherever its Run is.
	Steps []*model.Step

	// Of docker: "docker://image", or the path of a Dockerfile relative to the
	// action's directory.
	Image                                     string
	Entrypoint, PreEntrypoint, PostEntrypoint string
	Args                                      model.Value // a list of texts, or absent
	Env                                       model.Value // a mapping of texts, or absent
}

// Input gives the declared input with a name, ignoring case.
func (m *Manifest) Input(name string) (Input, bool) {
	for _, input := range m.Inputs {
		if equalFold(input.Name, name) {
			return input, true
		}
	}
	return Input{}, false
}

// InputNames gives the names of all inputs as they are declared.
func (m *Manifest) InputNames() []string {
	names := make([]string, len(m.Inputs))
	for i, input := range m.Inputs {
		names[i] = input.Name
	}
	return names
}
