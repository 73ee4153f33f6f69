//go:build real

package faults

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/internal/recorded"
	"multirunner/commands/job"
	"multirunner/helpers/process"
	"multirunner/network/coordinator"
	"multirunner/network/spool"
)

// recordVariable names the directory to record to.
const recordVariable = "RECORD_STATE"

// TestRecordAStateDirectory records what a killed runner leaves, for the
// programs after it: see commands/launch/testdata/README.md.
func TestRecordAStateDirectory(t *testing.T) {
	to := os.Getenv(recordVariable)
	if to == "" {
		t.Skip(recordVariable + " is not set")
	}
	g := newGitea(t, coordinator.Options{})
	rec := &recording{t: t, g: g, dir: t.TempDir(), manifest: recorded.Manifest{Server: g.URL()}}
	rec.start()
	rec.ended()
	remove := rec.partlySent()
	rec.endedUnsent()
	rec.runningAndDead()
	remove() // what is sent from here on is not in sent
	rec.claimedOnly()
	rec.save(to)
}

type recording struct {
	t        *testing.T
	g        *gitea
	dir      string
	r        *runner
	manifest recorded.Manifest
	dead     []int  // job processes to kill with the supervisor
	cgroups  string // where those of the jobs were
}

func (rec *recording) file(name string) string { return filepath.Join(rec.dir, name) }

// start starts a runner with a registration for jobs, an ephemeral one and one
// that is paused.
func (rec *recording) start() {
	var blocks []string
	for _, name := range []string{"a", "once", "paused"} {
		row := rec.g.AddRunner(coordinator.RunnerSpec{Name: name, Labels: []string{name}, Ephemeral: name == "once"})
		extra := ""
		if name == "once" {
			extra = "ephemeral = true\n"
		}
		blocks = append(blocks, "[[runners]]\nname = \""+name+"\"\nurl = \""+rec.g.URL()+"\"\nuuid = \""+row.UUID+"\"\ntoken = \""+row.Token+"\"\nlabels = [\""+name+":host\"]\n"+extra)
		rec.manifest.Registrations = append(rec.manifest.Registrations, recorded.Registration{Name: name, UUID: row.UUID, Token: row.Token})
	}
	writeConfig(rec.t, rec.dir, 4, blocks...)
	rec.r = start(rec.t, rec.dir)
	eventually(rec.t, 20*time.Second, "it can be paused", func() bool {
		pause := exec.Command(binary, "pause", "-c", rec.file("config.toml"), "--working-directory", rec.file("state"), "--name", "paused")
		return pause.Run() == nil
	})
}

// job runs a script as a job of its own.
func (rec *recording) job(label, script string) int64 {
	text := strings.Replace(workflow(script), "runs-on: linux", "runs-on: "+label, 1)
	text = strings.Replace(text, "    steps:\n      - name: work\n", "    outputs:\n      word: ${{ steps.s.outputs.word }}\n    steps:\n      - name: work\n        id: s\n", 1)
	return rec.g.task(rec.t, rec.g.submit(rec.t, text+"      - run: echo second\n"))
}

// note says how a task was left, and what the server has to have in the end.
func (rec *recording) note(task int64, label, state, result, word string, rows ...string) {
	rec.manifest.Tasks = append(rec.manifest.Tasks, recorded.Task{
		ID: task, Runner: label, State: state, Delivered: len(rec.g.Log(task)), Result: result, Word: word, Rows: rows,
	})
}

func (rec *recording) ended() {
	for _, label := range []string{"a", "once"} {
		task := rec.job(label, "echo word=there >> $GITHUB_OUTPUT")
		rec.g.result(rec.t, task, 20*time.Second)
		rec.note(task, label, "ended", "success", "there")
	}
	rec.r.clean()
}

// partlySent has the server take 18 MB of rows, and nothing after them.
func (rec *recording) partlySent() (remove func()) {
	task := rec.job("a", "long=$(head -c 60000 /dev/zero | tr '\\0' x)\nfor i in $(seq 1 300); do echo $i $long; done\necho half\nuntil [ -e "+rec.file("go")+" ]; do sleep 0.1; done\nfor i in $(seq 1 5); do echo late $i; done\necho word=partly >> $GITHUB_OUTPUT")
	rec.g.logged(rec.t, task, "\nhalf\n", 60*time.Second)
	var dir string
	eventually(rec.t, 10*time.Second, "the server has all that there is, and its space is given back", func() bool {
		dir = rec.jobDir(task)
		sent, _ := spool.LoadSent(dir)
		info, err := os.Stat(filepath.Join(dir, spool.FileName))
		return err == nil && sent.Offset > 16<<20 && info.Sys().(*syscall.Stat_t).Blocks*512 < info.Size()-8<<20
	})
	first := rec.g.Fault(coordinator.UpdateLog, coordinator.Fault{Status: 503})
	second := rec.g.Fault(coordinator.UpdateTask, coordinator.Fault{Status: 503})
	if err := os.WriteFile(rec.file("go"), nil, 0o600); err != nil {
		rec.t.Fatal(err)
	}
	rec.waitDead(dir)
	rec.note(task, "a", "partly sent", "success", "partly", "late 1", "late 5", "second")
	return func() { first(); second() }
}

func (rec *recording) endedUnsent() {
	task := rec.job("a", "for i in $(seq 1 40); do echo row $i; done\necho word=unsent >> $GITHUB_OUTPUT")
	rec.waitDead(rec.jobDir(task))
	rec.note(task, "a", "ended, unsent", "success", "unsent", "row 1", "row 40", "second")
}

func (rec *recording) runningAndDead() {
	task := rec.job("a", "for i in $(seq 1 20); do echo row $i; done\nuntil [ -e "+rec.file("never")+" ]; do sleep 0.1; done")
	dir := rec.jobDir(task)
	eventually(rec.t, 20*time.Second, "half of its rows are written", func() bool {
		data, _ := os.ReadFile(filepath.Join(dir, spool.FileName))
		return bytes.Contains(data, []byte("row 20"))
	})
	info, err := job.LoadInfo(dir)
	if err != nil {
		rec.t.Fatal(err)
	}
	rec.dead, rec.cgroups = append(rec.dead, info.PID), filepath.Dir(cmp.Or(info.Cgroup, "/no/cgroup"))
	rec.note(task, "a", "running", "failure", "", "row 1", "row 20")
}

// claimedOnly stops the supervisor between a claim and its job process, and
// kills everything. What it could not stop in time is one more that runs.
func (rec *recording) claimedOnly() {
	pid := rec.r.cmd.Process.Pid
	known, children := rec.jobDirs(), len(childrenOf(pid))
	rec.g.submit(rec.t, strings.Replace(workflow("sleep 60"), "runs-on: linux", "runs-on: a", 1))
	var fresh string
	for deadline := time.Now().Add(20 * time.Second); fresh == ""; time.Sleep(20 * time.Microsecond) {
		for _, dir := range rec.jobDirs() {
			if data, err := os.ReadFile(filepath.Join(dir, "claim.json")); !slices.Contains(known, dir) && err == nil && json.Valid(data) {
				fresh = dir
			}
		}
		if time.Now().After(deadline) {
			rec.t.Fatal("no claim")
		}
	}
	rec.r.signal(syscall.SIGSTOP)
	eventually(rec.t, 5*time.Second, "the supervisor stands still", func() bool { return statOf(pid).state == "T" })
	if len(childrenOf(pid)) != children {
		rec.t.Fatal("too late: record again")
	}
	for _, pid := range append(rec.dead, pid) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	<-rec.r.Exited
	name := filepath.Base(fresh)
	task, err := strconv.ParseInt(name[strings.LastIndexByte(name, '-')+1:], 10, 64)
	if err != nil {
		rec.t.Fatal(err)
	}
	rec.note(task, "a", "claimed", "failure", "")
}

func (rec *recording) jobDirs() []string {
	dirs, _ := filepath.Glob(rec.file("state/jobs/*"))
	return dirs
}

func (rec *recording) jobDir(task int64) string {
	rec.t.Helper()
	var dir string
	eventually(rec.t, 20*time.Second, "there is a job directory", func() bool {
		for _, d := range rec.jobDirs() {
			if _, err := job.LoadInfo(d); err == nil && strings.HasSuffix(d, "-"+strconv.FormatInt(task, 10)) {
				dir = d
			}
		}
		return dir != ""
	})
	return dir
}

// waitDead waits until a job process has ended by itself.
func (rec *recording) waitDead(dir string) {
	rec.t.Helper()
	info, err := job.LoadInfo(dir)
	if err != nil {
		rec.t.Fatal(err)
	}
	eventually(rec.t, 30*time.Second, "the job process has ended", func() bool { return !process.Alive(info.PID, info.Start) })
}

// save copies what the next program reads. What names this machine is replaced.
func (rec *recording) save(to string) {
	state := rec.file("state")
	boot, err := process.BootID()
	if err != nil {
		rec.t.Fatal(err)
	}
	names := strings.NewReplacer(state, "/state", boot, "00000000-0000-0000-0000-000000000000", rec.cgroups, "/sys/fs/cgroup/recorded")
	put := func(name string, data []byte) {
		rec.t.Helper()
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			rec.t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			rec.t.Fatal(err)
		}
	}
	for _, pattern := range []string{"credentials/*", "keys/*", "ended", "paused", "spent", "jobs/*/claim.json", "jobs/*/lock", "jobs/*/job.json", "jobs/*/spool", "jobs/*/sent"} {
		paths, _ := filepath.Glob(filepath.Join(state, pattern))
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				rec.t.Fatal(err)
			}
			name, _ := filepath.Rel(state, path)
			if filepath.Base(name) == spool.FileName {
				put(name+".gz", packed(rec.t, data))
				continue
			}
			put(name, []byte(names.Replace(string(data))))
		}
	}
	text, err := json.MarshalIndent(rec.manifest, "", "  ")
	if err != nil {
		rec.t.Fatal(err)
	}
	put(recorded.Name, append(text, '\n'))
}

func packed(t *testing.T, data []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
