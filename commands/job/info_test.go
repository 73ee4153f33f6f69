package job

import (
	"encoding/json"
	"testing"
	"time"

	"multirunner/common"
)

func TestWhatIsLeftOfTheTimeoutDoesNotFollowAClockThatIsSet(t *testing.T) {
	start := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	const timeout, day = 3 * time.Hour, 24 * time.Hour
	info := Info{
		BootID: "this", Timeout: common.Duration(timeout), Deadline: start.Add(timeout), DeadlineClock: 50*time.Hour + timeout,
	}
	old := Info{BootID: "this", Deadline: info.Deadline} // of a program from before
	at := func(wall, clock time.Duration, boot string) Moment {
		return Moment{Wall: start.Add(wall), Boot: boot, Clock: 50*time.Hour + clock}
	}
	for name, test := range map[string]struct {
		info Info
		now  Moment
		left time.Duration
	}{
		"an hour later":                         {info, at(time.Hour, time.Hour, "this"), 2 * time.Hour},
		"set a day forward":                     {info, at(day, time.Hour, "this"), 2 * time.Hour},
		"set a day back":                        {info, at(-day, time.Hour, "this"), 2 * time.Hour},
		"past it":                               {info, at(-day, 4*time.Hour, "this"), -time.Hour},
		"after a restart of the machine":        {info, at(time.Hour, -40*time.Hour, "next"), 2 * time.Hour},
		"after one, set a day back":             {info, at(-day, -40*time.Hour, "next"), timeout},
		"on a machine without such a clock":     {info, Moment{Wall: start.Add(time.Hour), Boot: "this"}, 2 * time.Hour},
		"of a program from before":              {old, at(time.Hour, time.Hour, "this"), 2 * time.Hour},
		"where boots have no name":              {info, at(time.Hour, 0, ""), 2 * time.Hour},
		"of a program from before, a day early": {old, at(-day, time.Hour, "this"), timeout + day},
	} {
		if left, ok := test.info.Left(test.now); !ok || left != test.left {
			t.Errorf("%s: %s left, %v, want %s", name, left, ok, test.left)
		}
	}
	if _, ok := (Info{}).Left(at(0, 0, "this")); ok {
		t.Error("without a deadline something is left")
	}
}

func TestAJobsFileSaysItsDeadlineByTheClockOfTheBoot(t *testing.T) {
	info, err := newInfo(&common.JobSpec{JobTimeout: common.Duration(time.Hour)}, "s")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	var read Info
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	now := Now()
	now.Wall = now.Wall.Add(100 * time.Hour)
	if now.Clock == 0 {
		t.Skip("no such clock here")
	}
	if left, ok := read.Left(now); !ok || left < 59*time.Minute || left > time.Hour {
		t.Errorf("%s left of %s", left, data)
	}
}
