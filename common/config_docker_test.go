package common

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDockerSettingsAreReadWithTheirRegistries(t *testing.T) {
	config, problems := decode(t, goodRunner+`
[runners.docker]
pull_policy = "never"
memory = "2GiB"
cpus = 1.5
[[runners.docker.registries]]
server = "registry.example.org:5000"
username = "ci"
password = "secret-of-a"
[[runners.docker.registries]]
server = "docker.io"
username = "me"
password_env = "HUB"
[[runners]]
name = "b"
url = "https://git.example.org"
uuid = "u-2"
token = "t"
labels = ["linux:docker://node:22"]
docker.registries = [{ server = "x.example.org", username = "u", password_file = "p" }]
`)
	if problems != "" {
		t.Error(problems)
	}
	want := DefaultDocker()
	want.PullPolicy, want.Memory, want.CPUs = PullPolicy{"never"}, 2<<30, 1.5
	want.Registries = []RegistryConfig{
		{Server: "registry.example.org:5000", Username: "ci", Password: NewSecret("secret-of-a")},
		{Server: "docker.io", Username: "me", PasswordEnv: "HUB"},
	}
	if diff := cmp.Diff(want, config.Runners[0].Docker); diff != "" {
		t.Error(diff)
	}
	want = DefaultDocker()
	want.Registries = []RegistryConfig{{Server: "x.example.org", Username: "u", PasswordFile: "p"}}
	if diff := cmp.Diff(want, config.Runners[1].Docker); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesInDockerSettingsNameTheirLine(t *testing.T) {
	_, got := decode(t, goodRunner+`
[runners.docker]
memmory = "1GiB"
allowed_images = [
  "node:*",
  "node:[",
]
[[runners.docker.registries]]
server = "a.example.org"
username = "ci"
password = "secret-of-a"
[[runners.docker.registries]]
servr = "b.example.org"
username = "ci"
pasword = "secret-of-b"
[[runners.docker.registrys]]
`)
	if strings.Contains(got, "secret-of") {
		t.Error("a secret is shown")
	}
	want := `config.toml:10: runners.docker.memmory: unknown key, did you mean memory? (warning) [0]
config.toml:13: runners.docker.allowed_images: "node:[" is not a pattern: close each [ and {, and write \ before one that is meant as it is [0]
config.toml:19: runners.docker.registries.server: missing: write the registry's host as images name it, for example "registry.example.org" (docker.io is Docker Hub) [0]
config.toml:19: runners.docker.registries.password: missing: write password, password_file or password_env [0]
config.toml:20: runners.docker.registries.servr: unknown key, did you mean server? (warning) [0]
config.toml:22: runners.docker.registries.pasword: unknown key, did you mean password? (warning) [0]
config.toml:23: runners.docker.registrys: unknown key, did you mean registries? (warning) [0]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWrongTypesInDockerSettings(t *testing.T) {
	for text, want := range map[string]string{
		"docker.memory = true":                       "config.toml:8: runners.docker.memory: true is not a size",
		"docker.pull_policy = 3":                     "config.toml:8: runners.docker.pull_policy: 3 is not a word or a list of words",
		"docker.pull_policy = [3]":                   "config.toml:8: runners.docker.pull_policy: 3 is not a word",
		"docker.registries = 3":                      "config.toml:8: runners.docker.registries: is an integer, must be a list",
		"docker.registries = [{password = ['xyz']}]": "config.toml:8: runners.docker.registries",
		"docker = 3":                                 "config.toml:8: runners.docker: is an integer, must be a table",
	} {
		_, got := decode(t, goodRunner+text+"\n")
		if !strings.HasPrefix(got, want) || strings.Contains(got, "xyz") {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

func TestASyntaxErrorNeverShowsAPassword(t *testing.T) {
	for _, value := range []string{"0123456789abcdef", "abcdef", `"abcdef" x`} {
		_, _, err := DecodeConfig("config.toml", []byte("[[runners]]\n[[runners.docker.registries]]\npassword = "+value+"\n"))
		if err == nil || strings.Contains(err.Error(), value[:3]) || !strings.Contains(err.Error(), `write password = "…"`) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestPasswordsOfRegistriesAreNeverPrinted(t *testing.T) {
	d := DefaultDocker()
	d.Registries = []RegistryConfig{{Server: "x", Username: "u", Password: NewSecret("secret-of-a")}}
	encoded, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(encoded), fmt.Sprintf("%v %+v %#v", d, d, d)} {
		if strings.Contains(text, "secret-of-a") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestValidateFindsEachBadDockerSetting(t *testing.T) {
	registry := func(change func(*RegistryConfig)) func(*RunnerConfig) {
		return func(r *RunnerConfig) {
			entry := RegistryConfig{Server: "registry.example.org", Username: "ci", Password: NewSecret("secret-of-a")}
			change(&entry)
			r.Docker.Registries = []RegistryConfig{entry}
		}
	}
	tests := []struct {
		name   string
		change func(r *RunnerConfig)
		want   string // what the one problem starts with, behind runners[0].; "" for none
	}{
		{"everything that is right", func(r *RunnerConfig) {
			r.Docker = DockerConfig{
				Host: "unix:///run/docker.sock", Image: "ghcr.io/x/y:1@sha256:" + strings.Repeat("a", 64), PullPolicy: PullPolicy{"never"},
				AllowedImages: []string{"node:*", "ghcr.io/**"}, AllowedServices: []string{"{redis,postgres}:*"}, Platform: "linux/arm/v7",
				Privileged: true, CapAdd: []string{"NET_ADMIN"}, CapDrop: []string{"ALL"}, Devices: []string{"/dev/kvm", "/dev/a:/dev/b:rw"},
				Volumes: []string{"/a:/b", "cache:/c:ro,nocopy", `C:\a:/d`}, AllowedVolumes: []string{"/srv/**", "cache-*", "**"},
				AllowedOptions: []string{"--privileged", "--cap-add=NET_*"},
				Memory:         1 << 30, MaxMemory: 1 << 30, ServiceCPUs: 0.01, MaxCPUs: 4, PidsLimit: 10, MaxPidsLimit: 10, ShmSize: 1, MaxShmSize: 2,
				NetworkMode: "host", DNS: []string{"192.0.2.1", "2001:db8::1"}, ExtraHosts: []string{"a:192.0.2.1", "b:host-gateway", "c:[::1]", "d=::1"},
				NodeDir: "/opt/node", ServiceReadyTimeout: 1, AdmissionScript: "/x",
				Registries: []RegistryConfig{{Server: "[::1]:5000", Username: "u", PasswordEnv: "E"}, {Server: "docker.io", Username: "u", PasswordFile: "f"}},
			}
		}, ""},
		{"ssh", func(r *RunnerConfig) { r.Docker.Host = "ssh://me@box" }, "docker.host: ssh:// is not supported: forward the engine's socket"},
		{"a password", func(r *RunnerConfig) { r.Docker.Host = "tcp://me:secret-of-a@box" }, "docker.host: is not the address of an engine"},
		{"a socket without a scheme", func(r *RunnerConfig) { r.Docker.Host = "/var/run/docker.sock" }, `docker.host: "/var/run/docker.sock" is not the address of an engine, write for example "unix:///`},
		{"a relative socket", func(r *RunnerConfig) { r.Docker.Host = "unix://docker.sock" }, `docker.host: "unix://docker.sock" has no absolute path`},
		{"no host", func(r *RunnerConfig) { r.Docker.Host = "tcp://" }, `docker.host: "tcp://" names no host`},
		{"a pipe", func(r *RunnerConfig) { r.Docker.Host = "npipe:////./pipe/docker_engine" }, ""},
		{"image", func(r *RunnerConfig) { r.Docker.Image = "Node:22" }, `docker.image: "Node:22" is not the name of an image`},
		{"image of a label", func(r *RunnerConfig) { r.Labels = []string{"a:docker://Node"} }, `labels: label "a": "Node" is not the name of an image`},
		{"bare labels without an image", func(r *RunnerConfig) { r.Executor, r.Labels = "docker", []string{"a:host", "bare"} }, `labels: label "bare" has no image: write bare:docker://IMAGE, or one for all such labels as image in [runners.docker]`},
		{"bare labels with one", func(r *RunnerConfig) {
			r.Executor, r.Labels, r.Docker.Image = "docker", []string{"bare"}, "node:22"
		}, ""},
		{"policy", func(r *RunnerConfig) { r.Docker.PullPolicy = PullPolicy{"if-not-presnt"} }, `docker.pull_policy: "if-not-presnt" is none of always, if-not-present, never, did you mean if-not-present?`},
		{"no policy", func(r *RunnerConfig) { r.Docker.PullPolicy = nil }, "docker.pull_policy: is empty"},
		{"services", func(r *RunnerConfig) { r.Docker.AllowedServices = []string{""} }, `docker.allowed_services: "" is not a pattern`},
		{"platform", func(r *RunnerConfig) { r.Docker.Platform = "arm64" }, `docker.platform: "arm64" is not os/arch[/variant]`},
		{"privileged", func(r *RunnerConfig) { r.Docker.Privileged = true }, "docker.privileged: with no_new_privileges, which keeps sudo"},
		{"capability", func(r *RunnerConfig) { r.Docker.CapAdd = []string{"--x"} }, `docker.cap_add: "--x" is not a capability`},
		{"dropped capability", func(r *RunnerConfig) { r.Docker.CapDrop = []string{""} }, `docker.cap_drop: "" is not a capability`},
		{"device", func(r *RunnerConfig) { r.Docker.Devices = []string{"kvm"} }, `docker.devices: "kvm" is not a device`},
		{"rights of a device", func(r *RunnerConfig) { r.Docker.Devices = []string{"/dev/a:/dev/a:x"} }, "docker.devices: "},
		{"option", func(r *RunnerConfig) { r.Docker.AllowedOptions = []string{"-p"} }, `docker.allowed_options: "-p" is not a long option`},
		{"volume with a relative source", func(r *RunnerConfig) { r.Docker.Volumes = []string{"./a:/b"} }, `docker.volumes: "./a:/b": the source is neither an absolute path nor the name of a volume`},
		{"volume with a relative target", func(r *RunnerConfig) { r.Docker.Volumes = []string{"/a:b"} }, `docker.volumes: "/a:b": the target "b" is not an absolute path`},
		{"volume without a source", func(r *RunnerConfig) { r.Docker.Volumes = []string{"/a"} }, `docker.volumes: "/a" names no source`},
		{"option of a volume", func(r *RunnerConfig) { r.Docker.Volumes = []string{"/a:/b:rx"} }, `docker.volumes: "/a:/b:rx": "rx" is not an option`},
		{"volume over everything", func(r *RunnerConfig) { r.Docker.Volumes = []string{"/a:/b/.."} }, `docker.volumes: "/a:/b/..": the target is all of`},
		{"too many colons", func(r *RunnerConfig) { r.Docker.Volumes = []string{"/a:/b:ro:z"} }, `docker.volumes: "/a:/b:ro:z": has more parts than source:target:options`},
		{"relative pattern", func(r *RunnerConfig) { r.Docker.AllowedVolumes = []string{"a/*"} }, `docker.allowed_volumes: "a/*" is neither an absolute path`},
		{"pattern that matches nothing", func(r *RunnerConfig) { r.Docker.AllowedVolumes = []string{"/a/"} }, `docker.allowed_volumes: "/a/" matches no path, which have no . and .. and no slash at their end: write "/a"`},
		{"little memory", func(r *RunnerConfig) { r.Docker.Memory = 5 << 20 }, "docker.memory: is 5MiB, must be 0 for no limit, or at least 6MiB"},
		{"negative size", func(r *RunnerConfig) { r.Docker.ShmSize = -1 }, "docker.shm_size: is -1, must be 0 for no limit, or at least 1"},
		{"memory above its bound", func(r *RunnerConfig) { r.Docker.Memory, r.Docker.MaxMemory = 2<<30, 1<<30 }, "docker.max_memory: is 1GiB, below memory (2GiB): raise the one or lower the other"},
		{"services' memory above it", func(r *RunnerConfig) { r.Docker.ServiceMemory, r.Docker.MaxMemory = 2<<30, 1<<30 }, "docker.max_memory: is 1GiB, below service_memory (2GiB)"},
		{"cpus", func(r *RunnerConfig) { r.Docker.CPUs = 0.001 }, "docker.cpus: is 0.001, must be 0 for no limit, or at least 0.01"},
		{"cpus above their bound", func(r *RunnerConfig) { r.Docker.ServiceCPUs, r.Docker.MaxCPUs = 4, 2 }, "docker.max_cpus: is 2, below service_cpus (4)"},
		{"pids", func(r *RunnerConfig) { r.Docker.PidsLimit = -1 }, "docker.pids_limit: is -1, must not be negative"},
		{"pids above their bound", func(r *RunnerConfig) { r.Docker.PidsLimit, r.Docker.MaxPidsLimit = 4, 2 }, "docker.max_pids_limit: is 2, below pids_limit (4)"},
		{"network", func(r *RunnerConfig) { r.Docker.NetworkMode = "a b" }, `docker.network_mode: "a b" is not a network`},
		{"network of a container", func(r *RunnerConfig) { r.Docker.NetworkMode = "container:vpn" }, ""},
		{"dns", func(r *RunnerConfig) { r.Docker.DNS = []string{"dns.example.org"} }, `docker.dns: "dns.example.org" is not an IP address`},
		{"host entry", func(r *RunnerConfig) { r.Docker.ExtraHosts = []string{"a"} }, `docker.extra_hosts: "a" is not name:address`},
		{"host entry with a name", func(r *RunnerConfig) { r.Docker.ExtraHosts = []string{"a:b"} }, `docker.extra_hosts: "a:b" is not name:address`},
		{"node", func(r *RunnerConfig) { r.Docker.NodeDir = "node" }, `docker.node_dir: "node" is not an absolute path`},
		{"admission", func(r *RunnerConfig) { r.Docker.AdmissionScript = "x.sh" }, `docker.admission_script: "x.sh" is not an absolute path`},
		{"ready", func(r *RunnerConfig) { r.Docker.ServiceReadyTimeout = 0 }, "docker.service_ready_timeout: is 0s, must be above 0"},
		{"disk", func(r *RunnerConfig) { r.Docker.MinFreeDisk = -1 }, "docker.min_free_disk: is -1, must not be negative"},
		{"registry without a server", registry(func(r *RegistryConfig) { r.Server = "" }), "docker.registries.server: missing"},
		{"registry with a scheme", registry(func(r *RegistryConfig) { r.Server = "https://x" }), "docker.registries.server: has a scheme"},
		{"registry with a path", registry(func(r *RegistryConfig) { r.Server = "x/y" }), `docker.registries.server: "x/y" is not HOST or HOST:PORT`},
		{"registry without a user", registry(func(r *RegistryConfig) { r.Username = "" }), "docker.registries.username: missing"},
		{"registry without a password", registry(func(r *RegistryConfig) { r.Password = Secret{} }), "docker.registries.password: missing"},
		{"registry with two", registry(func(r *RegistryConfig) { r.PasswordFile = "f" }), "docker.registries.password_file: password and password_file are both set"},
		{"password", registry(func(r *RegistryConfig) { r.Password = NewSecret("secret-of-a\n") }), "docker.registries.password: has control characters"},
		{"registry twice", func(r *RunnerConfig) {
			entry := RegistryConfig{Server: "x", Username: "u", PasswordEnv: "E"}
			r.Docker.Registries = []RegistryConfig{entry, entry}
		}, `docker.registries.server: "x" is there twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config, runner := DefaultConfig(), DefaultRunner()
			runner.Name, runner.URL, runner.UUID = "a", "https://git.example.org", "u-1"
			runner.Token, runner.Labels = NewSecret("t"), []string{"linux:host"}
			config.Runners = []*RunnerConfig{runner}
			tt.change(runner)

			got := lines(config.Validate())
			if strings.Contains(got, "secret-of-a") {
				t.Errorf("a secret is shown: %s", got)
			}
			switch {
			case tt.want == "" && got != "":
				t.Errorf("got %s", got)
			case tt.want != "" && !strings.HasPrefix(got, "runners[0]."+tt.want) || strings.Count(got, "\n") > 1:
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func FuzzParseVolume(f *testing.F) {
	for _, seed := range []string{"/a:/b:ro", `C:\a:/b`, "name:/x", "/x", ":", "C:", "a:b:c:d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVolume(text)
		if err == nil && (!strings.HasPrefix(v.Target, "/") || v.Target == "/" || strings.Contains(v.Target, "/../")) {
			t.Errorf("%q: %+v", text, v)
		}
	})
}
