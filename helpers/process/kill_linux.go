package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// killPass kills everything of the family that lives, once, and gives what it
// found. whole also kills the cgroup as one.
func (f *Family) killPass(whole bool) ([]Info, error) {
	f.mu.Lock()
	adopted, cgroup := f.adopted, f.cgroup
	var pids []int
	pgids := map[int]bool{}
	for pid := range f.running {
		pids = append(pids, pid)
	}
	for c := range f.groups {
		pgids[c.group.pgid] = true
	}
	f.mu.Unlock()

	var found []Info
	if cgroup != nil {
		found = cgroup.killPass(whole)
	}
	list, err := members(adopted, pids, pgids)
	if err != nil {
		return nil, err
	}
	known := map[int]bool{}
	for _, p := range found {
		known[p.PID] = true
	}
	for _, p := range list {
		if p.dead() {
			continue
		}
		err := killExactly(p.pid, p.start)
		if !known[p.pid] {
			denied := errors.Is(err, unix.EPERM)
			found = append(found, Info{PID: p.pid, Name: p.name, start: p.start, denied: denied})
		}
	}
	return found, nil
}

// members gives the processes of a family without a cgroup's help.
func members(adopted bool, pids []int, pgids map[int]bool) ([]procStat, error) {
	if adopted {
		// Most jobs leave nothing: that is seen without a walk over all of /proc.
		if !hasChildren() {
			return nil, nil
		}
		all, err := listProcs()
		return descendants(all, os.Getpid()), err
	}
	if len(pgids) == 0 {
		return nil, nil
	}
	all, err := listProcs()
	return groupMembers(all, pids, pgids), err
}

// groupMembers gives what is in the groups or among pids, and what descends
// from those. The number of a group that is gone may be used by somebody else:
// only members of this session are meant, for a command starts in it.
func groupMembers(all []procStat, pids []int, pgids map[int]bool) []procStat {
	session, _ := unix.Getsid(0)
	roots := map[int]bool{}
	for _, pid := range pids {
		roots[pid] = true
	}
	var list []procStat
	var ids []int
	for _, p := range all {
		if roots[p.pid] || pgids[p.pgrp] && p.session == session {
			list = append(list, p)
			ids = append(ids, p.pid)
		}
	}
	return append(list, descendants(all, ids...)...)
}

// alive tells whether a member of the group runs.
func (g *group) alive() bool {
	return g.exists() && g.each(func(procStat) bool { return true })
}

// ignores tells that every member that runs ignores the signal.
func (g *group) ignores(s stage) bool {
	sig := stageSignal(s)
	return !g.each(func(p procStat) bool { return !ignoresSignal(p.pid, sig) })
}

// each tells whether a living member has the property.
func (g *group) each(has func(procStat) bool) bool {
	all, err := listProcs()
	if err != nil {
		return true
	}
	session, _ := unix.Getsid(0)
	for _, p := range all {
		if p.pgrp == g.pgid && p.session == session && !p.dead() && has(p) {
			return true
		}
	}
	return false
}
