package docker

import (
	"strings"

	"multirunner/common"
	"multirunner/executors/docker/images"
)

// imagePath is where programs are in an image that does not say.
const imagePath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// containerEnv is what every command in the job's container gets, the last ones
// win: the image's, proxies, the operator's, those of the workflow's container.
func (e *Executor) containerEnv(image *images.Image) []string {
	env := []string{imagePath}
	env = append(env, image.Env...)
	for _, kv := range e.inner.BaseEnv() {
		if name, _, _ := strings.Cut(kv, "="); common.IsProxy(name) {
			env = append(env, kv)
		}
	}
	env = append(env, e.caVariables()...)
	env = append(env, e.spec.Environment...)
	env = append(env, e.own.Config.Env...)
	env = append(env, "HOME="+e.place.job.Home)
	if e.spec.TrackingID != "" {
		env = append(env, trackingVariable+"="+e.spec.TrackingID)
	}
	return lastOfEach(env)
}

// lastOfEach keeps the last value of each name, at the place of the first.
func lastOfEach(env []string) []string {
	at := map[string]int{}
	var list []string
	for _, kv := range env {
		name, _, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			continue
		}
		if i, known := at[name]; known {
			list[i] = kv
			continue
		}
		at[name] = len(list)
		list = append(list, kv)
	}
	return list
}
