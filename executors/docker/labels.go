package docker

import (
	"path/filepath"
	"strconv"

	"github.com/moby/moby/client"

	"multirunner/common"
)

// Labels of everything that is made for jobs: what they say decides what a
// sweep may remove.
const (
	labelInstance     = "multirunner.instance"     // identity of the state directory
	labelRegistration = "multirunner.registration" // uuid
	labelTask         = "multirunner.task"         // id on its server
	labelJob          = "multirunner.job"          // name of the job's directory
)

// labelsOf gives the labels of a job.
func labelsOf(spec *common.JobSpec, task int64) map[string]string {
	return map[string]string{
		labelInstance:     spec.Instance,
		labelRegistration: spec.UUID,
		labelTask:         strconv.FormatInt(task, 10),
		labelJob:          jobName(spec),
	}
}

// jobName is the name of the job's directory, by which others know the job.
func jobName(spec *common.JobSpec) string { return filepath.Base(spec.Dirs.Build) }

// ofJob selects what is labelled with the job.
func ofJob(instance, job string) client.Filters {
	return make(client.Filters).Add("label", labelInstance+"="+instance, labelJob+"="+job)
}

// ofInstance selects what is labelled with the instance.
func ofInstance(instance string) client.Filters {
	return make(client.Filters).Add("label", labelInstance+"="+instance)
}
