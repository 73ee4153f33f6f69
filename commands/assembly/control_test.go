package assembly

import (
	"slices"
	"strings"
	"testing"

	"multirunner/commands/control"
	"multirunner/commands/supervisor"
	"multirunner/network/jobsock"
)

func TestTheJobToCancelIsTheOneThatIsMeant(t *testing.T) {
	jobs := []supervisor.JobStatus{
		{TaskID: 1, URL: "https://one.example"}, {TaskID: 2, URL: "https://one.example"}, {TaskID: 1, URL: "https://two.example/sub"},
	}
	for _, tt := range []struct {
		wanted control.Cancel
		url    string
		errors []string
	}{
		{wanted: control.Cancel{Task: 2}, url: "https://one.example"},
		{wanted: control.Cancel{Task: 1, URL: "https://TWO.example/sub/"}, url: "https://two.example/sub"},
		{wanted: control.Cancel{Task: 1}, errors: []string{"--url", "https://one.example, https://two.example/sub"}},
		{wanted: control.Cancel{Task: 3}, errors: []string{"no job with task 3:", "runner jobs"}},
		{wanted: control.Cancel{Task: 2, URL: "https://two.example/sub"}, errors: []string{"no job with task 2 of https://two.example/sub"}},
	} {
		got, err := choose(jobs, tt.wanted)
		if err == nil && (len(tt.errors) > 0 || got.URL != tt.url || got.TaskID != tt.wanted.Task) {
			t.Errorf("%+v: %+v", tt.wanted, got)
		}
		if err != nil && len(tt.errors) == 0 {
			t.Errorf("%+v: %v", tt.wanted, err)
		}
		for _, part := range tt.errors {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: error %v, want %q in it", tt.wanted, err, part)
			}
		}
	}
}

func TestNamesMeanRegistrationsOfTheConfiguration(t *testing.T) {
	all := []supervisor.RegistrationStatus{{Name: "builder-a"}, {Name: "builder-b"}, {Name: "gone", Removed: true}}
	for name, want := range map[string][]string{"": {"builder-a", "builder-b"}, "builder-b": {"builder-b"}} {
		meant, err := named(all, name)
		var got []string
		for _, r := range meant {
			got = append(got, r.Name)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"gone": "runner list", "builder-c": "did you mean builder-"} {
		if _, err := named(all, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", name, err)
		}
	}
	if meant, err := named(nil, ""); err != nil || len(meant) != 0 {
		t.Errorf("%v, %v", meant, err)
	}
}

func TestWhatAJobProcessTellsIsAdded(t *testing.T) {
	job := control.Job{Repository: "acme/shop", Job: "build", State: "running"}
	addTold(&job, jobsock.Status{Pid: 7, Step: -1, Rows: 3}) // of an older program
	if want := (control.Job{Repository: "acme/shop", Job: "build", State: "running", PID: 7, Rows: 3}); job != want {
		t.Errorf("got %+v", job)
	}
	addTold(&job, jobsock.Status{Pid: 7, Step: 1, Name: "Build", Repository: "acme/other", Job: "test", Stop: "server"})
	if job.Step != 2 || job.StepName != "Build" || job.Repository != "acme/other" || job.Job != "test" || job.State != "stopping" {
		t.Errorf("got %+v", job)
	}
}
