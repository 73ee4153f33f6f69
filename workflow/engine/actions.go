package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"multirunner/common"
	"multirunner/workflow/action"
	"multirunner/workflow/model"
)

const (
	// maxDepth is how deep composite actions may use each other (GitHub:
	// CompositeActionsMaxDepth).
	maxDepth = 9
	// maxEmbedded bounds the steps of all composite actions of a job, which
	// could otherwise multiply at each level.
	maxEmbedded = 5000
)

// actionSet is what a job knows of the actions that it uses. It belongs to the
// job's goroutine.
type actionSet struct {
	source    ActionSource // nil when there is none
	prepared  map[repository]PreparedAction
	manifests map[location]*action.Manifest
	images    map[common.ActionImage]string
	visible   map[string]string // directories of this machine, as the job's commands see them
	releases  []func()
	embedded  int // steps of composite actions
}

func newActionSet(source ActionSource) actionSet {
	return actionSet{
		source:    source,
		prepared:  make(map[repository]PreparedAction),
		manifests: make(map[location]*action.Manifest),
		images:    make(map[common.ActionImage]string),
		visible:   make(map[string]string),
	}
}

// repository is what is fetched once, however many actions of it are used.
type repository struct{ url, ref string }

// location is where an action is.
type location struct {
	root string // of its repository, as this process sees it; "" for the workspace
	dir  string // below it, slash-separated
}

// openTree opens what the location is in.
func (j *Job) openTree(at location) (*os.Root, error) {
	if at.root == "" {
		return j.openWorkspace()
	}
	return os.OpenRoot(at.root)
}

// usable is an action that is there to be used.
type usable struct {
	at       location
	root     string // as the job's commands see it
	manifest *action.Manifest
	frame    *frame // the steps of a composite action, else nil
	image    string // of a docker action, as the engine calls it; "" without an engine
}

// resolveActions makes all actions usable that steps use, and those that these
// use in turn, level by level: each level's repositories are fetched together.
// Actions of the workspace are left for when their step runs. Images come last,
// all together.
func (j *Job) resolveActions(ctx context.Context, steps []*step) error {
	var users []*usesWork
	for level := steps; len(level) > 0; {
		remote, err := j.remoteSteps(level)
		if err != nil {
			return err
		}
		if err := j.fetch(ctx, remote); err != nil {
			return err
		}
		for _, s := range level {
			if w, ok := s.work.(*usesWork); ok {
				users = append(users, w)
			}
		}
		level = nil
		for _, s := range remote {
			inner, err := j.useFetched(s)
			if err != nil {
				return err
			}
			level = append(level, inner...)
		}
	}
	return j.prepareImages(ctx, users)
}

// remoteSteps gives those of the steps whose action is to be fetched. A uses
// that cannot be read fails the job before it begins.
func (j *Job) remoteSteps(steps []*step) ([]*step, error) {
	var remote []*step
	for _, s := range steps {
		w, ok := s.work.(*usesWork)
		if !ok {
			continue
		}
		if w.fault != nil {
			return nil, w.fault
		}
		if w.ref.Kind == action.Docker && j.engine != nil {
			w.useImage()
		}
		if w.ref.Kind == action.Repository && j.actions.source != nil && !w.mayBeWorkspace(j) {
			remote = append(remote, s)
		}
	}
	return remote, nil
}

// repositoryOf tells where the action of a reference is fetched from.
func (j *Job) repositoryOf(ref action.Reference) (repository, error) {
	base := j.contextText("forgejo_default_actions_url", "gitea_default_actions_url")
	if base == "" && ref.Base == "" {
		return repository{}, fmt.Errorf("action %s: the server does not say where actions are fetched from (gitea_default_actions_url): write the whole URL, https://host/%s", ref, ref)
	}
	return repository{ref.URL(base), ref.Ref}, nil
}

// fetch gets the repositories of the steps' actions that the job does not have
// yet.
func (j *Job) fetch(ctx context.Context, steps []*step) error {
	var requests []ActionRequest
	var wanted []repository
	asked := make(map[repository]bool)
	for _, s := range steps {
		ref := s.work.(*usesWork).ref
		repo, err := j.repositoryOf(ref)
		if err != nil {
			return err
		}
		if _, have := j.actions.prepared[repo]; have || asked[repo] {
			continue
		}
		asked[repo] = true
		wanted = append(wanted, repo)
		requests = append(requests, ActionRequest{Reference: ref, URL: repo.url})
	}
	if len(requests) == 0 {
		return nil
	}
	prepared, release, err := j.actions.source.Prepare(ctx, requests, j.rows.say)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("the actions of the job cannot be fetched: %w", err)
	}
	j.actions.releases = append(j.actions.releases, release)
	for i, request := range requests {
		if err := j.show(ctx, prepared[i].Dir); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("action %s: the job's commands cannot be shown its files: %w", request.Reference, err)
		}
		j.actions.prepared[wanted[i]] = prepared[i]
		name := request.Reference
		name.Path = ""
		j.rows.say(fmt.Sprintf("Download action repository '%s' (SHA:%s)", name, prepared[i].Commit))
	}
	return nil
}

// show makes a directory of this machine one that the job's commands see. They
// may be in a container, which has directories of its own.
func (j *Job) show(ctx context.Context, dir string) error {
	importer, ok := j.executor.(common.Importer)
	if _, again := j.actions.visible[dir]; !ok || again {
		return nil
	}
	seen, err := importer.Import(ctx, dir)
	if err == nil {
		j.actions.visible[dir] = seen
	}
	return err
}

// seen gives a directory of this machine as the job's commands call it.
func (j *Job) seen(dir string) string {
	if seen, ok := j.actions.visible[dir]; ok {
		return seen
	}
	return dir
}

// useFetched makes the fetched action of a step usable and gives the steps that
// come with it.
func (j *Job) useFetched(s *step) ([]*step, error) {
	w := s.work.(*usesWork)
	repo, err := j.repositoryOf(w.ref)
	if err != nil {
		return nil, err
	}
	dir := j.actions.prepared[repo].Dir
	return j.use(s, location{dir, w.ref.Path}, j.seen(dir))
}

// useLocal makes the action usable that a step uses from the workspace, and
// those that this one uses.
func (j *Job) useLocal(ctx context.Context, s *step) error {
	w := s.work.(*usesWork)
	inner, err := j.use(s, location{"", w.ref.Path}, j.executor.Paths().Workspace)
	if errors.Is(err, action.ErrNoManifest) {
		return fmt.Errorf("%w: is there a step before this one that checks the repository out, as actions/checkout does?", err)
	}
	if err != nil {
		return err
	}
	if runs := w.action.manifest.Runs; runs.Pre != "" || runs.PreEntrypoint != "" {
		j.rows.warn(fmt.Sprintf("The pre part of the action %s is not run: it comes from the workspace, which was empty when pre parts ran", w.ref))
	}
	if w.isDocker() {
		return j.prepareImages(ctx, []*usesWork{w})
	}
	return j.resolveActions(ctx, inner)
}

// use makes the action at a location the one that a step uses and gives the
// steps that come with it. root is the location's as the job's commands see it.
func (j *Job) use(s *step, at location, root string) ([]*step, error) {
	w := s.work.(*usesWork)
	manifest, err := j.manifest(at, w.ref.Kind == action.Local)
	if err != nil {
		return nil, fmt.Errorf("action %s: %w", w.ref, err)
	}
	u := &usable{at: at, root: root, manifest: manifest}
	if manifest.Runs.Using == action.Composite {
		if u.frame, err = j.embed(s, u); err != nil {
			return nil, err
		}
	}
	w.action = u
	if u.frame == nil {
		return nil, nil
	}
	return u.frame.steps, nil
}

// manifest reads the manifest at a location. What is odd in one of the
// workspace is told: the workflow's author can change it.
func (j *Job) manifest(at location, local bool) (*action.Manifest, error) {
	if m, ok := j.actions.manifests[at]; ok && !local {
		return m, nil
	}
	tree, err := j.openTree(at)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	m, err := action.Load(tree, at.dir)
	if err != nil {
		return nil, err
	}
	for _, warning := range m.Warnings {
		if local {
			j.rows.warn(warning.Error())
		}
	}
	j.actions.manifests[at] = m
	return m, nil
}

// embed makes the steps of a composite action for one step that uses it.
func (j *Job) embed(s *step, u *usable) (*frame, error) {
	defs := u.manifest.Runs.Steps
	f := &frame{outer: s, depth: s.frame.depth + 1, path: j.machine.join(u.root, u.at.dir)}
	if f.depth > maxDepth {
		return nil, fmt.Errorf("step %d: composite actions use each other more than %d deep: %s", s.index+1, maxDepth, chain(s))
	}
	if j.actions.embedded += len(defs); j.actions.embedded > maxEmbedded {
		return nil, fmt.Errorf("step %d: the composite actions of the job have more than %d steps together: %s", s.index+1, maxEmbedded, chain(s))
	}
	f.steps = make([]*step, len(defs))
	for i, def := range defs {
		f.steps[i] = newStep(def, f, s.index, s.action, j.kindOf(def))
	}
	return f, nil
}

// chain names the actions that lead to a step's.
func chain(s *step) string {
	var names []string
	for ; ; s = s.frame.outer {
		names = append([]string{s.def.Uses.Text()}, names...)
		if !s.embedded() {
			return strings.Join(names, " → ")
		}
	}
}

// releaseActions gives back what the job's actions hold.
func (j *Job) releaseActions() {
	for _, release := range j.actions.releases {
		release()
	}
	j.actions.releases = nil
}

// parseUses reads what stands behind uses. A repository of the job's own server
// is known as such also when that server is below a path of its host.
func (j *Job) parseUses(uses model.Value) (action.Reference, error) {
	if uses.IsExpression() {
		return action.Reference{}, uses.Errorf("must be a plain text, expressions are not evaluated here")
	}
	ref, err := action.ParseUses(uses.Text())
	if err != nil {
		inner := errors.Unwrap(err) // without the name of the key
		if inner == nil {
			inner = err
		}
		return action.Reference{}, uses.Errorf("%q: %w", uses.Text(), inner)
	}
	return ref.Under(j.spec.URL).Under(j.contextText("server_url")), nil
}
