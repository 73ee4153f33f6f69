package model

import (
	"fmt"
	"slices"
	"strings"
)

// Order gives the jobs so that each comes after those it needs, otherwise in
// file order. Circles and unknown names are errors: an *Error for the first.
func Order(jobs []*Job) ([]*Job, error) {
	s := sorter{
		jobs:   jobs,
		exact:  make(map[string]*Job, len(jobs)),
		folded: make(map[string]*Job, len(jobs)),
		state:  make(map[*Job]visit, len(jobs)),
	}
	for _, job := range slices.Backward(jobs) { // so that the first one stays
		s.exact[job.ID], s.folded[strings.ToLower(job.ID)] = job, job
	}
	for _, job := range jobs {
		if err := s.visit(job); err != nil {
			return nil, err
		}
	}
	return s.ordered, nil
}

type visit int

const (
	unseen visit = iota
	open         // on the path that is being followed
	finished
)

type sorter struct {
	jobs    []*Job
	exact   map[string]*Job
	folded  map[string]*Job // by lower-case id
	state   map[*Job]visit
	path    []*Job
	ordered []*Job
}

// visit recurses at most as deep as there are jobs, which Parse bounds.
func (s *sorter) visit(job *Job) error {
	switch s.state[job] {
	case finished:
		return nil
	case open:
		return s.circle(job)
	}
	s.state[job] = open
	s.path = append(s.path, job)
	for _, name := range job.Needs {
		needed, ok := s.exact[name]
		if !ok {
			needed, ok = s.folded[strings.ToLower(name)]
		}
		if !ok {
			return s.unknown(job, name)
		}
		if err := s.visit(needed); err != nil {
			return err
		}
	}
	s.path = s.path[:len(s.path)-1]
	s.state[job] = finished
	s.ordered = append(s.ordered, job)
	return nil
}

// circle names the jobs from the one that is met again up to the last one.
func (s *sorter) circle(again *Job) error {
	const shown = 10
	path := s.path[slices.Index(s.path, again):]
	var names []string
	for i, job := range path {
		if i == shown {
			names = append(names, "…")
			break
		}
		names = append(names, job.ID)
	}
	names = append(names, again.ID)
	return path[len(path)-1].needsError("the jobs wait for each other: " + strings.Join(names, " needs "))
}

func (s *sorter) unknown(job *Job, name string) error {
	known := make([]string, len(s.jobs))
	for i, j := range s.jobs {
		known[i] = j.ID
	}
	text := fmt.Sprintf("there is no job %q", excerpt(name))
	if near := nearest(name, known); near != "" {
		text += fmt.Sprintf(", did you mean %q?", near)
	}
	return job.needsError(text)
}

func (j *Job) needsError(text string) *Error {
	line := j.needs.Line()
	if line == 0 {
		line = j.Line
	}
	return &Error{File: j.file, Line: line, Job: j.ID, Key: "needs", Message: text}
}
