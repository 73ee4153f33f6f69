package dockertest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// searchPath is PATH in the images.
const searchPath = "PATH=/usr/local/bin:/usr/bin:/bin"

// compose gives the files and the configuration of an image. The error names
// a program that the machine does not have.
func compose(name Name) (rootfs, *dockerspec.DockerOCIImageConfig, error) {
	files, config, err := base(name)
	if err != nil {
		return nil, nil, err
	}
	switch name {
	case Busybox, Empty:
	case Bash:
		if err = files.find("bin/bash", "bash"); err == nil {
			err = files.librariesOf("node")
		}
	case Node:
		err = files.find("usr/bin/node", "node")
	case Actions:
		err = files.actions()
	case NonRoot:
		files.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n")
		files.text("etc/group", "root:x:0:\napp:x:1000:\n")
		files["home/app"] = entry{dir: true, mode: 0o755, owner: 1000}
		config.User = "1000"
		config.WorkingDir = "/home/app"
	case FalseEntrypoint:
		config.Entrypoint, config.Cmd = []string{"/bin/false"}, nil
	case Redis:
		err = files.redis(config)
	case Unhealthy:
		config.Cmd = []string{"sleep", "3600"}
		config.Healthcheck = check(1, "echo the check says no; exit 1")
	case SlowStart:
		config.Cmd = []string{"sh", "-c", "sleep 1; touch /tmp/ready; exec sleep 3600"}
		config.Healthcheck = check(50, "test -e /tmp/ready")
	case Crash:
		config.Cmd = []string{"sh", "-c", "echo no configuration found >&2; exit 3"}
	default:
		return nil, nil, fmt.Errorf("there is no image %q", name)
	}
	return files, config, err
}

// base gives what the images have in common.
func base(name Name) (rootfs, *dockerspec.DockerOCIImageConfig, error) {
	files := rootfs{}
	config := &dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{
		Env: []string{searchPath}, Cmd: []string{"sh"}, Labels: map[string]string{"multirunner-test": string(name)},
	}}
	source, err := exec.LookPath("busybox")
	if err != nil {
		return nil, nil, fmt.Errorf("%w (Debian's package busybox-static)", err)
	}
	if name == Empty {
		config.Env, config.Entrypoint, config.Cmd = nil, []string{"/busybox"}, []string{"echo", "hello"}
		if !static(source) {
			return nil, nil, fmt.Errorf("%s is not static (Debian's package busybox-static is)", source)
		}
		return files, config, files.program("busybox", source)
	}
	files.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
	files.text("etc/group", "root:x:0:\n")
	files.dir("tmp", 0o1777)
	files.dir("root", 0o700)
	return files, config, files.busybox(source)
}

// find adds a program of PATH.
func (r rootfs) find(name, program string) error {
	source, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	return r.program(name, source)
}

// librariesOf adds what a program of PATH is linked with, not the program.
func (r rootfs) librariesOf(program string) error {
	source, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	return r.libraries(source)
}

// gitHTTP is what git runs for http and https.
const gitHTTP = "/usr/lib/git-core/git-remote-http"

func (r rootfs) actions() error {
	for _, program := range []string{"bash", "git", "node"} {
		if err := r.find("usr/bin/"+program, program); err != nil {
			return err
		}
	}
	r["bin/bash"] = entry{link: "/usr/bin/bash", mode: 0o777}
	for _, name := range []string{"git-upload-pack", "git-receive-pack"} {
		r["usr/bin/"+name] = entry{link: "git", mode: 0o777}
	}
	r.dir("usr/share/git-core/templates", 0o755)
	if _, err := os.Stat(gitHTTP); err != nil {
		return err
	}
	r[gitHTTP[1:]+"s"] = entry{link: "git-remote-http", mode: 0o777}
	return r.program(gitHTTP[1:], gitHTTP)
}

func (r rootfs) redis(config *dockerspec.DockerOCIImageConfig) error {
	for _, program := range []string{"redis-server", "redis-cli"} {
		if err := r.find("usr/bin/"+program, program); err != nil {
			return fmt.Errorf("%w (Debian's package redis-server)", err)
		}
	}
	r.dir("data", 0o755)
	config.WorkingDir = "/data"
	config.Volumes = map[string]struct{}{"/data": {}}
	config.ExposedPorts = map[string]struct{}{"6379/tcp": {}}
	config.Cmd = []string{"redis-server", "--save", "", "--protected-mode", "no"}
	config.Healthcheck = check(30, "redis-cli ping | grep -q PONG")
	return nil
}

// check is a health check that is made five times a second.
func check(retries int, command string) *dockerspec.HealthcheckConfig {
	return &dockerspec.HealthcheckConfig{
		Test: []string{"CMD-SHELL", command}, Interval: 200 * time.Millisecond, Timeout: 5 * time.Second, Retries: retries,
	}
}

// dockerImage is the configuration file of an image of one layer. It holds no
// time of its own, so that the same content is the same image.
func dockerImage(config *dockerspec.DockerOCIImageConfig, layer digest.Digest) *dockerspec.DockerOCIImage {
	created := time.Unix(0, 0).UTC()
	image := &dockerspec.DockerOCIImage{Config: *config}
	image.Created = &created
	image.Architecture, image.OS = runtime.GOARCH, "linux"
	image.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer}}
	return image
}
