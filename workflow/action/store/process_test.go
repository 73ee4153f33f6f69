package store

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// start makes the command of a process that prepares.
func (o order) start(t *testing.T) *exec.Cmd {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childVariable+"="+string(data))
	return command
}

// publishMany makes repositories owner/a and on, and gives their uses.
func (b *bench) publishMany(n int) (uses []string) {
	for i := range n {
		name := "owner/" + string(rune('a'+i))
		b.publish(name, name)
		uses = append(uses, name+"@v1")
	}
	return uses
}

func TestProcessesFetchOnce(t *testing.T) {
	b := newBench(t)
	uses := b.publishMany(6)
	const processes = 3
	var wait sync.WaitGroup
	for range processes {
		command := order{Dir: b.dir, Uses: uses, URL: b.url, Times: 2}.start(t)
		wait.Go(func() {
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wait.Wait()
	count := map[string]int{}
	for _, asked := range b.asked() {
		command, _, _ := strings.Cut(asked, " ")
		count[command]++
	}
	if count["fetch"] != len(uses) || count["ls-refs"] != 2*processes*len(uses) {
		t.Errorf("asked %v", count)
	}
	if left := b.list("temp"); len(left) != 0 || b.entries() != len(uses) {
		t.Errorf("%d entries, left: %v", b.entries(), left)
	}
}

func TestAProcessThatIsKilledLeavesNothingBehind(t *testing.T) {
	b := newBench(t)
	uses := b.publishMany(1)
	arrived := make(chan struct{}, 9)
	b.server.Intercept(hang(arrived))
	command := order{Dir: b.dir, Uses: uses, URL: b.url, Times: 1}.start(t)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	command.Process.Kill()
	command.Wait()
	if left := b.list("temp"); len(left) != 2 {
		t.Errorf("killed while it fetched, but there is only %v", left)
	}
	b.server.Intercept(nil)
	b.prepare(b.store(), b.request(uses[0]))
	if left := b.list("temp"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if got := b.asked(); !slices.Contains(got, "fetch owner/a") {
		t.Errorf("asked: %v", got)
	}
}
