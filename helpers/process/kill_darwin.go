package process

import "golang.org/x/sys/unix"

// killPass kills the process groups of the family that have members, once, and
// gives their leaders.
func (f *Family) killPass(bool) ([]Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []Info
	for c := range f.groups {
		if !c.group.exists() {
			delete(f.groups, c)
			continue
		}
		c.group.signal(stageKill)
		found = append(found, Info{PID: c.group.pgid, Name: "process group"})
	}
	return found, nil
}

// alive tells whether a member of the group runs. Zombies whose parent does
// not wait for them count, for as long as they are looked at.
func (g *group) alive() bool { return g.exists() }

func (g *group) ignores(stage) bool { return false }

// killExactly sends SIGKILL to that process unless its number was used again.
func killExactly(pid int, start uint64) error {
	if now, err := StartTime(pid); err != nil || now != start {
		return nil
	}
	err := unix.Kill(pid, unix.SIGKILL)
	if err == unix.ESRCH {
		return nil
	}
	return err
}
