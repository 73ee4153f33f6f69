package process

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
)

func TestTreeUsageCountsRootsAndWhatIsBelowThem(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 60 & sleep 60 & echo ready; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		all, _ := listProcs()
		for _, p := range descendants(all, cmd.Process.Pid) {
			if child, err := os.FindProcess(p.pid); err == nil {
				child.Kill()
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	start, err := StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	root := Root{PID: cmd.Process.Pid, Start: start}
	own, below, err := TreeUsage([]Root{root})
	if err != nil || own.Processes != 1 || own.Bytes < 100<<10 || below.Processes != 2 || below.Bytes < 200<<10 {
		t.Errorf("own %+v, below %+v, %v", own, below, err)
	}
	for name, roots := range map[string][]Root{
		"nobody": nil, "another process with its pid": {{PID: root.PID, Start: start + 1}},
	} {
		if own, below, err := TreeUsage(roots); err != nil || own != (Usage{}) || below != (Usage{}) {
			t.Errorf("%s: own %+v, below %+v, %v", name, own, below, err)
		}
	}
}
