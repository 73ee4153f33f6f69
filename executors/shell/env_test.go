//go:build unix

package shell

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/common"
)

func TestBaseEnv(t *testing.T) {
	own := map[string]string{
		"PATH": "/bin", "LANG": "C.UTF-8", "TZ": "UTC", "https_proxy": "http://proxy", "HOME": "/root",
		"GITEA_TOKEN": "secret", "DOCKER_HOST": "unix:///run/docker.sock", "LD_PRELOAD": "x",
	}
	lookup := func(name string) (string, bool) { value, ok := own[name]; return value, ok }
	for _, test := range []struct {
		name string
		spec common.JobSpec
		want []string
	}{
		{"of the runner's own only the list", common.JobSpec{},
			[]string{"PATH=/bin", "LANG=C.UTF-8", "TZ=UTC", "https_proxy=http://proxy", "HOME=/job/home", "USER=ci", "LOGNAME=ci"}},
		{"what the operator passes, sets and replaces", common.JobSpec{
			TrackingID:  "id",
			Shell:       common.ShellConfig{Path: "/opt/bin:/bin", PassEnvironment: []string{"DOCKER_HOST", "UNSET", "HOME"}},
			Environment: []string{"LANG=de", "NEW=a=b", "EMPTY=", "RUNNER_TRACKING_ID=other", "=broken"},
		}, []string{
			"PATH=/opt/bin:/bin", "LANG=de", "TZ=UTC", "https_proxy=http://proxy", "HOME=/root", "USER=ci", "LOGNAME=ci",
			"DOCKER_HOST=unix:///run/docker.sock", "NEW=a=b", "EMPTY=", "RUNNER_TRACKING_ID=id",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := baseEnv(&test.spec, "/job/home", "ci", lookup)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	none := func(string) (string, bool) { return "", false }
	if got := valueOf(baseEnv(&common.JobSpec{}, "/h", "", none), "PATH"); got != defaultPath {
		t.Errorf("without a PATH of its own: %q", got)
	}
}
