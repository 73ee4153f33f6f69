package policy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"multirunner/common"
)

// plainly has the types of settings that are compared with ==.
var plainly = cmpopts.EquateComparable(network.Port{}, netip.Addr{})

func options() Options {
	return Options{
		Volumes: "srv-1", Socket: "/var/run/docker.sock", Resolve: machine.resolve,
		Own:    []Directory{{Host: "/builds/x/work", Container: "/__w/repo/repo"}},
		Hidden: []string{"/builds", "/state"},
	}
}

// try makes a container of a kind, with a configuration that change changes.
func try(kind Kind, change func(*common.DockerConfig), c common.Container) (*Create, error) {
	docker := common.DefaultDocker()
	if change != nil {
		change(&docker)
	}
	if c.Image == "" {
		c.Image = "node:22"
	}
	if kind == Service && c.ID == "" {
		c.ID = "db"
	}
	return New(docker, options()).Make(Request{Kind: kind, Container: c})
}

func must(t *testing.T, kind Kind, change func(*common.DockerConfig), c common.Container) *Create {
	t.Helper()
	create, err := try(kind, change, c)
	if err != nil {
		t.Fatal(err)
	}
	return create
}

func TestAContainerOfNothingHasTheSafeDefaults(t *testing.T) {
	for _, kind := range []Kind{Job, Service, Action} {
		got := must(t, kind, nil, common.Container{})
		want := &Create{
			Config: container.Config{Image: "docker.io/library/node:22", Labels: map[string]string{}},
			Host:   container.HostConfig{SecurityOpt: []string{"no-new-privileges"}},
			Pull:   common.PullPolicy{"always", "if-not-present"},
		}
		if diff := cmp.Diff(want, got, plainly); diff != "" {
			t.Errorf("%d: %s", kind, diff)
		}
	}
}

func TestTheOperatorsSettingsAreInEveryContainerTheyAreFor(t *testing.T) {
	configure := func(d *common.DockerConfig) {
		*d = common.DockerConfig{
			PullPolicy: common.PullPolicy{"never"}, Platform: "linux/arm64", Privileged: true, CapAdd: []string{"net_admin"}, CapDrop: []string{"ALL"},
			Devices: []string{"/dev/kvm"}, MountSocket: true, Volumes: []string{"/srv/cache:/cache:ro", "shared:/shared"},
			Memory: 1 << 30, CPUs: 1.5, PidsLimit: 100, ShmSize: 1 << 20, ServiceMemory: 2 << 30, ServiceCPUs: 0.5, ServicePidsLimit: 50, ServiceShmSize: 2 << 20,
			NetworkMode: "host", DNS: []string{"192.0.2.1"}, ExtraHosts: []string{"a=192.0.2.2"},
		}
	}
	pids := func(n int64) *int64 { return &n }
	job := &Create{
		Config: container.Config{Image: "docker.io/library/node:22", Labels: map[string]string{}},
		Host: container.HostConfig{
			Privileged: true, CapAdd: []string{"CAP_NET_ADMIN"}, CapDrop: []string{"ALL"}, NetworkMode: "host",
			DNS: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, ExtraHosts: []string{"a:192.0.2.2"},
			Binds: []string{"/srv/cache:/cache:ro", "shared:/shared", "/var/run/docker.sock:/var/run/docker.sock"}, ShmSize: 1 << 20,
			Resources: container.Resources{
				Memory: 1 << 30, MemorySwap: 1 << 30, NanoCPUs: 15e8, PidsLimit: pids(100),
				Devices: []container.DeviceMapping{{PathOnHost: "/dev/kvm", PathInContainer: "/dev/kvm", CgroupPermissions: "rwm"}},
			},
		},
		Platform: "linux/arm64", Pull: common.PullPolicy{"never"},
	}
	for _, kind := range []Kind{Job, Action} {
		if diff := cmp.Diff(job, must(t, kind, configure, common.Container{}), plainly); diff != "" {
			t.Error(diff)
		}
	}
	service := must(t, Service, configure, common.Container{}).Host
	if !service.Privileged || len(service.Binds) > 0 || len(service.Devices) > 0 || service.Memory != 2<<30 || service.NanoCPUs != 5e8 || *service.PidsLimit != 50 || service.ShmSize != 2<<20 {
		t.Errorf("a service has %+v", service)
	}
}

func TestWhatAWorkflowSaysOfAService(t *testing.T) {
	got := must(t, Service, nil, common.Container{
		Image: "ghcr.io/x/db", Env: []string{"A=b=c", "EMPTY="}, Ports: []string{"80", "127.0.0.1:8080:81/udp", "[::1]:9000-9001:90-91"},
		Volumes: []string{"data:/data", "/only"}, Entrypoint: "/bin/sh -c", Command: `"a b" c`,
	})
	port := func(text string) network.Port { return network.MustParsePort(text) }
	local, six := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	if diff := cmp.Diff(container.Config{
		Image: "ghcr.io/x/db:latest", Env: []string{"A=b=c", "EMPTY="}, Labels: map[string]string{},
		ExposedPorts: network.PortSet{port("80"): {}, port("81/udp"): {}, port("90"): {}, port("91"): {}},
		Volumes:      map[string]struct{}{"/only": {}}, Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"a b", "c"},
	}, got.Config, plainly); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(network.PortMap{
		port("80"): {{HostIP: local}}, port("81/udp"): {{HostIP: local, HostPort: "8080"}},
		port("90"): {{HostIP: six, HostPort: "9000"}}, port("91"): {{HostIP: six, HostPort: "9001"}},
	}, got.Host.PortBindings, plainly); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"multirunner-srv-1-data:/data"}, got.Host.Binds); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"multirunner-srv-1-data"}, got.Volumes); diff != "" {
		t.Error(diff)
	}
}

func TestEveryRowOfARefusalNamesItsKey(t *testing.T) {
	_, err := try(Service, func(d *common.DockerConfig) { d.AllowedServices = []string{"redis"}; d.MaxMemory = 1 << 30 }, common.Container{
		Image: "node", Env: []string{"A", "SECRET"}, Ports: []string{"x"}, Volumes: []string{"/etc:/x"}, Options: "--privileged --cap-add net_admin --memory 8g", Command: `"`,
	})
	want := `services.db.image: node is not among the images that this runner allows (allowed_services in [runners.docker])
services.db.env: A: write NAME=VALUE: containers get nothing of the runner's own environment
services.db.env: SECRET: write NAME=VALUE: containers get nothing of the runner's own environment
services.db.command: ": a " is not closed
services.db.ports: x: is not a port, write for example 80, 8080:80 or 8080:80/udp
services.db.volumes: /etc:/x: not allowed on this runner (its operator can allow it: allowed_volumes = ["/etc"] in [runners.docker])
services.db.options: --privileged: not allowed on this runner (its operator can allow it: allowed_options = ["--privileged"] in [runners.docker])
services.db.options: --cap-add=net_admin: not allowed on this runner (its operator can allow it: allowed_options = ["--cap-add=NET_ADMIN"] in [runners.docker])
services.db.options: --memory: asks for 8GiB, this runner allows 1GiB (max_memory in [runners.docker])`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestImagesThatAreAllowed(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	tests := []struct {
		pattern, image string
		want           bool
	}{
		{"node", "node", true},
		{"node", "node:22", true},
		{"node", "node" + digest, true},
		{"node", "docker.io/library/node:22", true},
		{"node", "index.docker.io/library/node", true},
		{"index.docker.io/library/node", "node", true},
		{"docker.io/library/*", "node:22", true},
		{"library/node", "node", true},
		{"node:22", "node:22", true},
		{"node:latest", "node", true},
		{"node:22", "node:23", false},
		{"node:22", "node", false},
		{"node:22", "node:22" + digest, false},
		{"node:2*", "node:22" + digest, false},
		{"node:*", "node" + digest, false},
		{"node@*", "node:22" + digest, true},
		{"node" + digest, "node:22" + digest, true},
		{"node", "evil.example.org/node", false},
		{"node", "evil/node", false},
		{"node", "node/evil", false},
		{"node", "nodes", false},
		{"node", "localhost/node", false},
		{"node", "localhost:5000/node", false},
		{"docker.io/library/node", "docker.io.evil.example.org/library/node", false},
		{"ghcr.io/team/*", "ghcr.io/team/a:1", true},
		{"ghcr.io/team/*", "GHCR.io/team/a:1", true},
		{"ghcr.io/team/*", "ghcr.io/team/a/b:1", false},
		{"ghcr.io/team/**", "ghcr.io/team/a/b:1", true},
		{"ghcr.io/team/*", "ghcr.io/team2/a", false},
		{"ghcr.io/team/*", "evil.example.org/ghcr.io/team/a", false},
		{"ghcr.io/team/*", "ghcr.io:443/team/a", false},
		{"ghcr.io/team/a:1", "ghcr.io/team/a:1", true},
		{"registry.example.org:5000/*:*", "registry.example.org:5000/a:1", true},
		{"registry.example.org:5000/a", "registry.example.org:5000/a:1", true},
		{"registry.example.org:5000/a", "registry.example.org:5001/a:1", false},
		{"{node,golang}:*", "golang:1", true},
		{"*", "node", true},
		{"*", "ghcr.io/a/b", false},
		{"**", "ghcr.io/a/b:1", true},
		{"team/*", "team/a", true},
		{"team/*", "team/a/b", false},
	}
	for _, tt := range tests {
		for kind, configure := range map[Kind]func(*common.DockerConfig){
			Job:     func(d *common.DockerConfig) { d.AllowedImages = []string{"other", tt.pattern} },
			Action:  func(d *common.DockerConfig) { d.AllowedImages = []string{tt.pattern} },
			Service: func(d *common.DockerConfig) { d.AllowedServices = []string{tt.pattern} },
		} {
			_, err := try(kind, configure, common.Container{Image: tt.image})
			if (err == nil) != tt.want {
				t.Errorf("%s, pattern %s: %v", tt.image, tt.pattern, err)
			}
		}
	}
	if _, err := try(Service, func(d *common.DockerConfig) { d.AllowedImages = []string{"other"} }, common.Container{}); err != nil {
		t.Errorf("allowed_images is held against a service: %v", err)
	}
}

func TestAnEngineIsAskedForFullNamesOnly(t *testing.T) {
	id := strings.Repeat("a1", 32)
	for image, want := range map[string]string{
		"node":                       "docker.io/library/node:latest",
		"a1a1a1a1a1a1":               "docker.io/library/a1a1a1a1a1a1:latest", // not the id of an image
		"sha256:" + id:               "docker.io/library/sha256:" + id,
		"node:22@sha256:" + id:       "docker.io/library/node@sha256:" + id,
		"localhost:5000/x":           "localhost:5000/x:latest",
		id:                           "",
		"Node":                       "",
		"":                           "",
		"node:22 --privileged":       "",
		"-x":                         "",
		"docker://node":              "",
		"https://ghcr.io/a/b":        "",
		"node:" + id + id + id:       "",
		"node\n":                     "",
		"../../etc/passwd":           "",
		"ghcr.io//x":                 "",
		"node@sha256:abc":            "",
		"node@md5:" + id:             "",
		strings.Repeat("a/", 200):    "",
		"node:22@sha256:" + id + "0": "",
	} {
		got, err := New(common.DefaultDocker(), options()).Image(Job, image)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", image, got, err)
		}
	}
}

func TestAnOwnImageIsUsedAsItIs(t *testing.T) {
	docker := common.DefaultDocker()
	docker.AllowedImages = []string{"other"}
	create, err := New(docker, options()).Make(Request{Kind: Action, Container: common.Container{Image: "sha256:abc"}, Own: true})
	if err != nil || create.Config.Image != "sha256:abc" {
		t.Errorf("got %+v, %v", create, err)
	}
}

func TestTheLargestIsTheLimitWhereThereIsNoOther(t *testing.T) {
	bound := func(d *common.DockerConfig) {
		d.MaxMemory, d.MaxCPUs, d.MaxPidsLimit, d.MaxShmSize = 1<<30, 2, 100, 1<<20
	}
	got := must(t, Service, bound, common.Container{}).Host
	if got.Memory != 1<<30 || got.MemorySwap != 1<<30 || got.NanoCPUs != 2e9 || *got.PidsLimit != 100 || got.ShmSize != 0 {
		t.Errorf("got %+v", got)
	}
	got = must(t, Job, bound, common.Container{Options: "-m 1g --cpus=2 --pids-limit 100 --shm-size 1m"}).Host
	if got.Memory != 1<<30 || got.NanoCPUs != 2e9 || *got.PidsLimit != 100 || got.ShmSize != 1<<20 {
		t.Errorf("got %+v", got)
	}
	for options, want := range map[string]string{
		"-m 1025m":             "container.options: --memory: asks for 1025MiB, this runner allows 1GiB (max_memory in [runners.docker])",
		"-m 1m":                "container.options: --memory=1m: is below 6MiB, the least that engines take",
		"-m 1g -m 2g":          "container.options: --memory: asks for 2GiB",
		"--cpus 2.01":          "container.options: --cpus: asks for 2.01, this runner allows 2 (max_cpus in [runners.docker])",
		"--cpus 1e999":         "container.options: --cpus=1e999: is not a number of processors",
		"--cpus nan":           "container.options: --cpus=nan: is not a number of processors",
		"--pids-limit 101":     "container.options: --pids-limit: asks for 101 processes, this runner allows 100 processes (max_pids_limit in [runners.docker])",
		"--pids-limit -1":      "container.options: --pids-limit: asks for any number of processes, this runner allows 100 processes",
		"--pids-limit 0":       "container.options: --pids-limit: asks for any number",
		"--shm-size 2m":        "container.options: --shm-size: asks for 2MiB, this runner allows 1MiB (max_shm_size in [runners.docker])",
		"--memory-swap -1":     `container.options: --memory-swap=-1: not allowed on this runner`,
		"--cpu-quota 10000000": `container.options: --cpu-quota=10000000: not allowed on this runner`,
	} {
		if _, err := try(Job, bound, common.Container{Options: options}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", options, err)
		}
	}
	unbound := must(t, Job, func(d *common.DockerConfig) { d.PidsLimit = 10 }, common.Container{Options: "--pids-limit 0"}).Host
	if *unbound.PidsLimit != -1 {
		t.Errorf("got %d processes", *unbound.PidsLimit)
	}
}

func TestPortsAreForThisMachineUnlessAllowed(t *testing.T) {
	for _, c := range []common.Container{{Ports: []string{"0.0.0.0:8080:80"}}, {Options: "-p 0.0.0.0:8080:80"}} {
		_, err := try(Service, nil, c)
		if err == nil || !strings.Contains(err.Error(), `other machines could reach it: not allowed on this runner (its operator can allow it: allowed_options = ["--publish=0.0.0.0:8080:80"]`) {
			t.Errorf("got %v", err)
		}
		got := must(t, Service, func(d *common.DockerConfig) { d.AllowedOptions = []string{"--publish=0.0.0.0:*"} }, c)
		if b := got.Host.PortBindings[network.MustParsePort("80")]; len(b) != 1 || b[0].HostIP.String() != "0.0.0.0" || b[0].HostPort != "8080" {
			t.Errorf("got %v", got.Host.PortBindings)
		}
	}
	o := options()
	o.Publish = netip.MustParseAddr("192.0.2.1")
	create, err := New(common.DefaultDocker(), o).Make(Request{Kind: Service, Container: common.Container{Image: "a", Ports: []string{"80"}}})
	if err != nil || create.Host.PortBindings[network.MustParsePort("80")][0].HostIP != o.Publish {
		t.Errorf("got %+v, %v", create, err)
	}
	for port, want := range map[string]string{
		"": "is not a port", "0": "is not a port", "65536": "is not a port", "80/xyz": "is not a port", "-1": "is not a port", "a:80": "is not a port",
		"1.2.3:80:80": "is not a port", "1-65535": "a container can have 256 ports", "90-80": "is not a port",
	} {
		if _, err := try(Service, nil, common.Container{Ports: []string{port}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", port, err)
		}
	}
}
