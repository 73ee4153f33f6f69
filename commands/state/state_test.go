package state

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"multirunner/common"
)

const server = "https://git.example.org/"

// first is the registration of the claims.
var first = common.RegistrationID{URL: "https://git.example.org", UUID: "uuid-1"}

func open(t *testing.T, root string) *Dir {
	t.Helper()
	d, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func claim(t *testing.T, d *Dir, task int64) *Claim {
	t.Helper()
	c, err := d.Claim(server, "uuid-1", task, time.Unix(1000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestASecondSupervisorIsRefusedWithThePIDOfTheFirst(t *testing.T) {
	root := t.TempDir()
	open(t, root)
	_, err := Open(root)
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("Open = %v, want an InUseError with our pid", err)
	}
}

func TestOnlyTheWayToBuildDirectoriesIsOpenAndOnlyUnderRoot(t *testing.T) {
	for _, asRoot := range []bool{false, true} {
		root := filepath.Join(t.TempDir(), "state")
		if err := makeDirs(root, asRoot); err != nil {
			t.Fatal(err)
		}
		for name, passable := range map[string]bool{"": asRoot, "builds": asRoot, "actions": asRoot, "jobs": false, "credentials": false, "keys": false} {
			info, err := os.Stat(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			want := os.FileMode(0o700)
			if passable {
				want = 0o711
			}
			if info.Mode().Perm() != want && runtime.GOOS != "windows" {
				t.Errorf("as root %v: %q has mode %o, want %o", asRoot, name, info.Mode().Perm(), want)
			}
		}
	}
}

func TestATaskIsClaimedOnce(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	c := claim(t, d, 7)
	if _, err := d.Claim("https://GIT.example.org", "uuid-1", 7, time.Now()); !errors.Is(err, ErrSeen) {
		t.Errorf("second claim while running: %v, want ErrSeen", err)
	}
	if err := d.Finish(c); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Claim(server, "uuid-1", 7, time.Now()); !errors.Is(err, ErrSeen) {
		t.Errorf("claim after the end: %v, want ErrSeen", err)
	}
	if _, err := d.Claim("https://other.example.org", "uuid-1", 7, time.Now()); err != nil {
		t.Errorf("same id of another server: %v, want a claim", err)
	}
	d.Close()
	if _, err := open(t, root).Claim(server, "uuid-1", 7, time.Now()); !errors.Is(err, ErrSeen) {
		t.Errorf("claim by the next process: %v, want ErrSeen", err)
	}
}

func TestLeftoversTellLivingJobsFromDeadOnes(t *testing.T) {
	root := t.TempDir()
	before := open(t, root)
	alive, dead := claim(t, before, 1), claim(t, before, 2)
	dead.Lock().Unlock()
	if err := os.Mkdir(filepath.Join(root, "jobs", "torn"), 0o700); err != nil {
		t.Fatal(err)
	}
	before.Close()

	left, err := open(t, root).Leftovers()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Left{}
	for _, l := range left {
		got[l.Key] = l
	}
	if l := got[alive.Key()]; !l.Alive || l.Claim == nil || l.Claim.Lock() != nil {
		t.Errorf("living job: %+v", l)
	}
	if l := got[dead.Key()]; l.Alive || l.Claim == nil || l.Claim.TaskID != 2 || l.Claim.Lock() == nil {
		t.Errorf("dead job: %+v", l)
	}
	if l := got["torn"]; l.Claim != nil || l.Err == nil {
		t.Errorf("directory without a claim: %+v", l)
	}
}

func TestCredentialLivesAsLongAsTheLastClaim(t *testing.T) {
	d := open(t, t.TempDir())
	want := Credential{Token: common.NewSecret("t0ken"), CAFile: "/ca.pem", Insecure: true}
	if err := d.KeepCredential(first, want); err != nil {
		t.Fatal(err)
	}
	one, two := claim(t, d, 1), claim(t, d, 2)
	if err := d.Finish(one); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Credential(first); err != nil || got != want {
		t.Errorf("with a claim left: %v, %v", got, err)
	}
	info, err := os.Stat(d.named("credentials", first))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("credential file: %v %v, want 0600", info, err)
	}
	if err := d.Finish(two); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Credential(first); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the last claim: %v, want it gone", err)
	}
}

func TestNamesFromServersCannotLeaveTheDirectory(t *testing.T) {
	d := open(t, t.TempDir())
	for _, uuid := range []string{"../../etc/passwd", "", ".", "a/b"} {
		id := common.RegistrationID{URL: server, UUID: uuid}
		if dir := filepath.Dir(d.namedBefore("keys", uuid)); dir != filepath.Join(d.root, "keys") {
			t.Errorf("namedBefore(%q) is in %s", uuid, dir)
		}
		if dir := filepath.Dir(d.named("keys", id)); dir != filepath.Join(d.root, "keys") {
			t.Errorf("named(%v) is in %s", id, dir)
		}
	}
}

// A server that hears a key again sends its task again, with a new token: the
// one that the job was started with is dead then.
func TestAKeyThatHasBroughtItsTaskIsNotUsedAgain(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	key, err := d.RequestKey(first)
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(root, "keys")
	if err := os.RemoveAll(keys); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d.RotateKey(first) == nil {
		t.Error("rotated on a disk that takes nothing")
	}
	if next, err := d.RequestKey(first); err == nil && next == key {
		t.Error("the key is used again")
	}
}

func TestRequestKeyStaysUntilRotated(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	key, err := d.RequestKey(first)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = open(t, root)
	if again, _ := d.RequestKey(first); again != key {
		t.Errorf("after a restart: %s, want %s", again, key)
	}
	if err := d.RotateKey(first); err != nil {
		t.Fatal(err)
	}
	if next, _ := d.RequestKey(first); next == key {
		t.Error("rotated key is the same")
	}
}

func TestEndedRemembersTheLastTenThousand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ended")
	l, err := openEnded(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2*endedMax + 5 {
		if err := l.add(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	l.close()
	// A torn line is not an ended task.
	f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString("torn")
	f.Close()
	if l, err = openEnded(path); err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for key, want := range map[string]bool{"20004": true, "10005": true, "0": false, "torn": false} {
		if l.contains(key) != want {
			t.Errorf("contains(%s) = %v", key, !want)
		}
	}
}

func TestWithoutRoomNoJobIsWanted(t *testing.T) {
	d := open(t, t.TempDir())
	for free, room := range map[uint64]bool{0: false, roomMin - 1: false, roomMin: true} {
		d.free = func(string) (uint64, error) { return free, nil }
		err := d.Room()
		var noRoom *common.NoRoomError
		if (err == nil) != room || !room && !errors.As(err, &noRoom) {
			t.Errorf("%d bytes free: %v", free, err)
		}
	}
}
