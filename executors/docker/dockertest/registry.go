package dockertest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
)

// The credentials of a registry that asks for some.
const (
	RegistryUser     = "tester"
	RegistryPassword = "pass-of-tests"
)

// htpasswd is RegistryUser with the bcrypt hash (cost 4) of RegistryPassword.
const htpasswd = RegistryUser + ":$2y$04$OpavKJfpU4mQnKbsSfe2x.KVPsns.JraZQqn5t/R61fblXTbYKJSG\n"

// Registry is a registry of images on loopback, of Debian's package
// docker-registry, empty at first.
type Registry struct {
	Host    string // "127.0.0.1:…", as images name it
	private bool
}

// NewRegistry starts a registry that ends with the test. A private one asks
// for RegistryUser and RegistryPassword. The test is skipped where there is
// none, or where the engine does not run on this machine.
func NewRegistry(t testing.TB, private bool) *Registry {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		Missing(t, "no registry of images for tests: %v (Debian's package docker-registry)", err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("version: 0.1\nlog: {level: info, formatter: text}\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp: {addr: 127.0.0.1:0}\n", filepath.Join(dir, "data"))
	if private {
		users := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(users, []byte(htpasswd), 0o600); err != nil {
			t.Fatal(err)
		}
		config += fmt.Sprintf("auth: {htpasswd: {realm: tests, path: %q}}\n", users)
	}
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", file)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(address)
		lines := bufio.NewScanner(stderr)
		found := false
		for lines.Scan() {
			if _, rest, ok := strings.Cut(lines.Text(), "listening on "); ok && !found {
				host, _, _ := strings.Cut(rest, `"`)
				address <- host
				found = true
			}
		}
		io.Copy(io.Discard, stderr)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		cmd.Wait()
	})
	select {
	case host, ok := <-address:
		if _, _, err := net.SplitHostPort(host); !ok || err != nil {
			t.Fatalf("docker-registry told no address (%q)", host)
		}
		return &Registry{Host: host, private: private}
	case <-time.After(20 * time.Second):
		t.Fatal("docker-registry does not listen after 20s")
		return nil
	}
}

// Push puts an image of the engine into the registry as a name ("team/tool:1")
// and gives its reference there and the digest of its manifest. The engine
// forgets the reference, so that it is there again when it is pulled.
func (r *Registry) Push(t testing.TB, engine *client.Client, image, name string) (ref, digest string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	ref = r.Host + "/" + name
	if _, err := engine.ImageTag(ctx, client.ImageTagOptions{Source: image, Target: ref}); err != nil {
		t.Fatal(err)
	}
	auth, err := json.Marshal(registry.AuthConfig{Username: RegistryUser, Password: RegistryPassword, ServerAddress: r.Host})
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := engine.ImagePush(ctx, ref, client.ImagePushOptions{RegistryAuth: base64.URLEncoding.EncodeToString(auth)})
	if err != nil {
		t.Fatal(err)
	}
	defer pushed.Close()
	for message, err := range pushed.JSONMessages(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if message.Error != nil {
			t.Fatal(message.Error)
		}
		var result struct{ Digest string }
		if message.Aux != nil && json.Unmarshal(*message.Aux, &result) == nil && result.Digest != "" {
			digest = result.Digest
		}
	}
	Forget(t, engine, ref)
	return ref, digest
}

// Forget removes references to images from the engine when they are there, and
// with its last reference an image.
func Forget(t testing.TB, engine *client.Client, refs ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, ref := range refs {
		_, err := engine.ImageRemove(ctx, ref, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		if err != nil && !strings.Contains(err.Error(), "No such image") {
			t.Errorf("remove image %s: %v", ref, err)
		}
	}
}
