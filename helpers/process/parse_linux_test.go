package process

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStatOfHostileNames(t *testing.T) {
	const rest = " S 1 42 40 0 -1 4194560 94 0 0 0 0 0 0 0 20 0 3 0 1234 4583424 258 18446744073709551615\n"
	for _, name := range []string{"sh", "a b", "x) R 7 7 7 (y", "", "((", "tab\tnew"} {
		got, err := parseStat([]byte("77 (" + name + ")" + rest))
		want := procStat{pid: 77, ppid: 1, pgrp: 42, session: 40, state: 'S', threads: 3, start: 1234, name: name}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
}

func TestADeadMainThreadDoesNotMakeAProcessDead(t *testing.T) {
	for _, test := range []struct {
		p    procStat
		dead bool
	}{
		{procStat{state: 'R', threads: 1}, false},
		{procStat{state: 'Z', threads: 1}, true},
		{procStat{state: 'Z', threads: 0}, true},
		{procStat{state: 'X', threads: 1}, true},
		{procStat{state: 'Z', threads: 2}, false},
	} {
		if test.p.dead() != test.dead {
			t.Errorf("%+v: dead is %t", test.p, !test.dead)
		}
	}
}

func TestDescendantsComeParentsFirstAndOnce(t *testing.T) {
	all := []procStat{{pid: 9, ppid: 5}, {pid: 5, ppid: 2}, {pid: 3, ppid: 2}, {pid: 2, ppid: 1}, {pid: 8, ppid: 1}}
	var pids []int
	for _, p := range descendants(all, 2, 5) {
		pids = append(pids, p.pid)
	}
	if diff := cmp.Diff([]int{3, 9}, pids); diff != "" {
		t.Error(diff)
	}
}

func TestCgroupPathIsTheLineOfVersionTwo(t *testing.T) {
	for text, want := range map[string]string{
		"9:name=systemd:/a\n4:memory:/b\n0::/system.slice/x.service\n": "/system.slice/x.service",
		"0::/\n":           "/",
		"4:memory:/b\n":    "",
		"0::relative\n":    "",
		"":                 "",
		"10::/not-this\n":  "",
		"0::/with:colon\n": "/with:colon",
	} {
		if got, ok := cgroupPath([]byte(text)); got != want || ok != (want != "") {
			t.Errorf("%q gives %q, %t", text, got, ok)
		}
	}
}

func TestIgnoredSignals(t *testing.T) {
	mask, ok := ignoredSignals("Name:\tsh\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000006\n")
	if !ok || mask != 6 {
		t.Errorf("%x, %t", mask, ok)
	}
	if _, ok := ignoredSignals("SigIgn:\tno number\n"); ok {
		t.Error("takes what is no number")
	}
}

func TestContainsEntryWantsTheWholeEntry(t *testing.T) {
	environ := []byte("A=1\x00ID=abc\x00XID=def\x00")
	for entry, want := range map[string]bool{"ID=abc": true, "ID=ab": false, "ID=def": false, "A=1": true, "B=": false} {
		if containsEntry(environ, entry) != want {
			t.Errorf("%s: %t", entry, !want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("77 (sh) S 1 42 42 0 -1 4194560 94 0 0 0 0 0 0 0 20 0 1 0 1234 4583424 258\n"))
	f.Add([]byte("1 () "))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, line []byte) {
		p, err := parseStat(line)
		if err == nil && !strings.Contains(string(line), p.name) {
			t.Errorf("the name %q is not from the line", p.name)
		}
	})
}

func FuzzCgroupPath(f *testing.F) {
	f.Add("9:name=systemd:/a\n0::/system.slice/x.service\n")
	f.Fuzz(func(t *testing.T, text string) {
		if path, ok := cgroupPath([]byte(text)); ok && !strings.HasPrefix(path, "/") {
			t.Errorf("%q is not absolute", path)
		}
	})
}
