package dockertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"

	"multirunner/helpers/flock"
)

// Name is one of the images that tests use.
type Name string

// The images. All but Empty have busybox's applets in /bin, /etc/passwd and
// /tmp, and PATH=/usr/local/bin:/usr/bin:/bin.
const (
	// Busybox is a small image with sh and no bash, static throughout: what an
	// Alpine is to programs linked with glibc.
	Busybox Name = "busybox"
	// Bash has bash and glibc with the libraries of node, but no node.
	Bash Name = "bash"
	// Node has node, sh, and no bash.
	Node Name = "node"
	// Actions has bash, git (with http) and node.
	Actions Name = "actions"
	// NonRoot runs as user 1000, group 1000, named app, whose home is /home/app.
	NonRoot Name = "nonroot"
	// Empty holds nothing but the program /busybox, its entry point; it prints
	// "hello" by default. It has no shell, no /etc, no /tmp.
	Empty Name = "empty"
	// FalseEntrypoint is Busybox with the entry point /bin/false.
	FalseEntrypoint Name = "false-entrypoint"
	// Redis is a service with a health check, on port 6379, with the volume /data.
	Redis Name = "redis"
	// Unhealthy runs, and its health check fails at once.
	Unhealthy Name = "unhealthy"
	// SlowStart runs, and is healthy after about a second.
	SlowStart Name = "slow-start"
	// Crash ends with exit status 3 after a line on standard error.
	Crash Name = "crash"
)

// Image gives a reference to an image that the engine has, and makes it when it
// does not.
func Image(t testing.TB, engine *client.Client, name Name) string {
	t.Helper()
	files, config, err := compose(name)
	if err != nil {
		Missing(t, "the image %s cannot be made here: %v", name, err)
	}
	ref, err := provide(context.WithoutCancel(t.Context()), engine, string(name), files, config)
	if err != nil {
		t.Fatalf("image %s: %v", name, err)
	}
	return ref
}

// Custom gives a reference to an image made of another's files and some texts
// by absolute path, with a configuration changed by set.
func Custom(t testing.TB, engine *client.Client, base Name, texts map[string]string, set func(*dockerspec.DockerOCIImageConfig)) string {
	t.Helper()
	files, config, err := compose(base)
	if err != nil {
		Missing(t, "an image like %s cannot be made here: %v", base, err)
	}
	for name, text := range texts {
		files[filepath.ToSlash(filepath.Clean(name))[1:]] = entry{data: []byte(text), mode: 0o755}
	}
	if set != nil {
		set(config)
	}
	ref, err := provide(context.WithoutCancel(t.Context()), engine, "custom", files, config)
	if err != nil {
		t.Fatalf("image like %s: %v", base, err)
	}
	return ref
}

// provide gives the reference of an image, loaded when it is not there.
// Processes that want the same one at the same time wait for each other.
func provide(ctx context.Context, engine *client.Client, name string, files rootfs, config *dockerspec.DockerOCIImageConfig) (string, error) {
	sum := sha256.New()
	if err := files.describe(sum); err != nil {
		return "", err
	}
	if err := json.NewEncoder(sum).Encode(config); err != nil {
		return "", err
	}
	ref := "multirunner-test/" + name + ":" + hex.EncodeToString(sum.Sum(nil)[:8])
	there := func() (bool, error) {
		_, err := engine.ImageInspect(ctx, ref)
		if errdefs.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	}
	if ok, err := there(); ok || err != nil {
		return ref, err
	}
	lock, err := flock.LockContext(ctx, filepath.Join(os.TempDir(), fmt.Sprintf("multirunner-test-images-%d.lock", os.Getuid())))
	if err != nil {
		return "", err
	}
	defer lock.Unlock()
	if ok, err := there(); ok || err != nil {
		return ref, err
	}
	return ref, load(ctx, engine, ref, files, config)
}

// load gives the engine an image of one layer, as `docker save` writes it.
func load(ctx context.Context, engine *client.Client, ref string, files rootfs, config *dockerspec.DockerOCIImageConfig) error {
	layer, err := os.CreateTemp("", "multirunner-test-layer-*")
	if err != nil {
		return err
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	sum := sha256.New()
	if err := files.writeTar(io.MultiWriter(layer, sum)); err != nil {
		return err
	}
	image := dockerImage(config, digest.NewDigest(digest.SHA256, sum))
	configText, err := json.Marshal(image)
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{ref}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	archive := rootfs{
		"manifest.json": {data: manifest, mode: 0o644},
		"config.json":   {data: configText, mode: 0o644},
		"layer.tar":     {source: layer.Name(), mode: 0o644},
	}
	reader, writer := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := archive.writeTar(writer)
		writer.CloseWithError(err)
		written <- err
	}()
	loaded, err := engine.ImageLoad(ctx, reader, client.ImageLoadWithQuiet(true))
	reader.Close()
	if writeErr := <-written; err == nil {
		err = writeErr
	}
	if err != nil {
		return err
	}
	defer loaded.Close()
	answer, err := io.ReadAll(loaded)
	if err != nil {
		return err
	}
	if _, err := engine.ImageInspect(ctx, ref); err != nil {
		return fmt.Errorf("%w; the engine said of the load: %s", err, answer)
	}
	return nil
}
