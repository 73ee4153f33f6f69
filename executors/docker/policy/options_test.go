package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"

	"multirunner/common"
)

func TestOptionsAreParsedAsAShellWould(t *testing.T) {
	tests := []struct {
		text string
		want string // the options, or the error behind "!"
	}{
		{"", ""},
		{"  \n ", ""},
		{"--cpus 1 --cpus=2", "--cpus=1 --cpus=2"},
		{"-e A=b -eC=d --env E", "--env=A=b --env=C=d --env=E"},
		{`-e "A=b c" --env 'D="e"' -e F=\$G`, `--env=A=b c --env=D="e" --env=F=$G`},
		{"-e A=$HOME`id`*", "--env=A=$HOME`id`*"},
		{"--health-cmd \"pg_isready -U x\" \\\n --health-retries 5", "--health-cmd=pg_isready -U x --health-retries=5"},
		{"--init --privileged=false -t=0", "--init=true --privileged=false --tty=false"},
		{"--net host --net-alias x --dns-opt y", "--network=host --network-alias=x --dns-option=y"},
		{"-itd", "--interactive=true --tty=true --detach=true"},
		{"-p80:80 -P -h x -u 1:2 -w /x -v a:/b -m 1g -c 5 -l a=b -q -a stdin", "--publish=80:80 --publish-all=true --hostname=x --user=1:2 --workdir=/x --volume=a:/b --memory=1g --cpu-shares=5 --label=a=b --quiet=true --attach=stdin"},
		{"--privilged", "!--privilged is not an option of docker create, did you mean --privileged?"},
		{"--xyzzy=1", "!--xyzzy is not an option of docker create"},
		{"-Z", "!-Z is not an option of docker create"},
		{"--help", "!--help is not an option of docker create"},
		{"-test.v", "!-test.v is not an option of docker create"},
		{"--cpus", "!--cpus needs a value"},
		{"--health-cmd pg_isready -U x", "!-U is not an option of docker create"},
		{"--health-cmd a b", "!b is no option: only options can stand here, and values with spaces need quotes"},
		{"-- --privileged", "!--privileged is no option: only options can stand here"},
		{"---x", "!cannot be read: "},
		{`--name "x`, `!a " is not closed`},
		{`--name 'x`, `!a ' is not closed`},
		{`--name x\`, `!nothing follows the \ at the end`},
		{"--init=maybe", "!--init: maybe is neither true nor false"},
		{"--name x\x00", "!has a NUL byte"},
		{strings.Repeat("x", 70_000), "!has 70000 bytes, at most 65536 can be read"},
	}
	for _, tt := range tests {
		found, err := Parse(tt.text)
		if want, fails := strings.CutPrefix(tt.want, "!"); fails {
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q: got %v, %v", tt.text, found, err)
			}
			continue
		}
		var got []string
		for _, o := range found {
			got = append(got, o.String())
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%q: got %v, %v", tt.text, got, err)
		}
	}
}

// optionTests has, for every option that does something, a value, and how to
// see that it did.
var optionTests = map[string]struct {
	value string
	got   func(*Create) any
	want  any
}{
	"add-host":              {"a:192.0.2.1", func(c *Create) any { return c.Host.ExtraHosts }, []string{"a:192.0.2.1"}},
	"annotation":            {"a=b", func(c *Create) any { return c.Host.Annotations }, map[string]string{"a": "b"}},
	"blkio-weight":          {"100", func(c *Create) any { return c.Host.BlkioWeight }, uint16(100)},
	"blkio-weight-device":   {"/dev/sda:100", func(c *Create) any { return c.Host.BlkioWeightDevice[0].Weight }, uint16(100)},
	"cap-add":               {"net_admin", func(c *Create) any { return c.Host.CapAdd }, []string{"CAP_NET_ADMIN"}},
	"cap-drop":              {"all", func(c *Create) any { return c.Host.CapDrop }, []string{"ALL"}},
	"cgroup-parent":         {"/x", func(c *Create) any { return c.Host.CgroupParent }, "/x"},
	"cgroupns":              {"host", func(c *Create) any { return c.Host.CgroupnsMode }, container.CgroupnsMode("host")},
	"cpu-period":            {"100000", func(c *Create) any { return c.Host.CPUPeriod }, int64(100000)},
	"cpu-quota":             {"50000", func(c *Create) any { return c.Host.CPUQuota }, int64(50000)},
	"cpu-rt-period":         {"1000", func(c *Create) any { return c.Host.CPURealtimePeriod }, int64(1000)},
	"cpu-rt-runtime":        {"1000", func(c *Create) any { return c.Host.CPURealtimeRuntime }, int64(1000)},
	"cpu-shares":            {"512", func(c *Create) any { return c.Host.CPUShares }, int64(512)},
	"cpus":                  {"1.5", func(c *Create) any { return c.Host.NanoCPUs }, int64(15e8)},
	"cpuset-cpus":           {"0-1", func(c *Create) any { return c.Host.CpusetCpus }, "0-1"},
	"cpuset-mems":           {"0", func(c *Create) any { return c.Host.CpusetMems }, "0"},
	"device":                {"/dev/a:/dev/b:r", func(c *Create) any { return c.Host.Devices[0] }, container.DeviceMapping{PathOnHost: "/dev/a", PathInContainer: "/dev/b", CgroupPermissions: "r"}},
	"device-cgroup-rule":    {"c 1:3 mr", func(c *Create) any { return c.Host.DeviceCgroupRules }, []string{"c 1:3 mr"}},
	"device-read-bps":       {"/dev/sda:1mb", func(c *Create) any { return c.Host.BlkioDeviceReadBps[0].Rate }, uint64(1 << 20)},
	"device-read-iops":      {"/dev/sda:10", func(c *Create) any { return c.Host.BlkioDeviceReadIOps[0].Rate }, uint64(10)},
	"device-write-bps":      {"/dev/sda:1mb", func(c *Create) any { return c.Host.BlkioDeviceWriteBps[0].Rate }, uint64(1 << 20)},
	"device-write-iops":     {"/dev/sda:10", func(c *Create) any { return c.Host.BlkioDeviceWriteIOps[0].Rate }, uint64(10)},
	"dns":                   {"192.0.2.1", func(c *Create) any { return c.Host.DNS[0].String() }, "192.0.2.1"},
	"dns-option":            {"ndots:1", func(c *Create) any { return c.Host.DNSOptions }, []string{"ndots:1"}},
	"dns-search":            {"example.org", func(c *Create) any { return c.Host.DNSSearch }, []string{"example.org"}},
	"domainname":            {"example.org", func(c *Create) any { return c.Config.Domainname }, "example.org"},
	"entrypoint":            {"/bin/x", func(c *Create) any { return c.Config.Entrypoint }, []string{"/bin/x"}},
	"env":                   {"A=b", func(c *Create) any { return c.Config.Env }, []string{"A=b"}},
	"expose":                {"80-82/udp", func(c *Create) any { return len(c.Config.ExposedPorts) }, 3},
	"gpus":                  {"all", func(c *Create) any { return c.Host.DeviceRequests[0].Count }, -1},
	"group-add":             {"video", func(c *Create) any { return c.Host.GroupAdd }, []string{"video"}},
	"health-cmd":            {"pg_isready", func(c *Create) any { return c.Config.Healthcheck.Test }, []string{"CMD-SHELL", "pg_isready"}},
	"health-interval":       {"10s", func(c *Create) any { return c.Config.Healthcheck.Interval }, 10 * time.Second},
	"health-retries":        {"5", func(c *Create) any { return c.Config.Healthcheck.Retries }, 5},
	"health-start-interval": {"1s", func(c *Create) any { return c.Config.Healthcheck.StartInterval }, time.Second},
	"health-start-period":   {"1m", func(c *Create) any { return c.Config.Healthcheck.StartPeriod }, time.Minute},
	"health-timeout":        {"5s", func(c *Create) any { return c.Config.Healthcheck.Timeout }, 5 * time.Second},
	"hostname":              {"box", func(c *Create) any { return c.Config.Hostname }, "box"},
	"init":                  {"true", func(c *Create) any { return *c.Host.Init }, true},
	"ip":                    {"192.0.2.9", func(c *Create) any { return c.Endpoint.IPAMConfig.IPv4Address.String() }, "192.0.2.9"},
	"ip6":                   {"2001:db8::9", func(c *Create) any { return c.Endpoint.IPAMConfig.IPv6Address.String() }, "2001:db8::9"},
	"ipc":                   {"host", func(c *Create) any { return c.Host.IpcMode }, container.IpcMode("host")},
	"label":                 {"a=b", func(c *Create) any { return c.Config.Labels }, map[string]string{"a": "b"}},
	"link-local-ip":         {"169.254.1.1", func(c *Create) any { return len(c.Endpoint.IPAMConfig.LinkLocalIPs) }, 1},
	"log-driver":            {"none", func(c *Create) any { return c.Host.LogConfig.Type }, "none"},
	"log-opt":               {"max-size=1m", func(c *Create) any { return c.Host.LogConfig.Config }, map[string]string{"max-size": "1m"}},
	"mac-address":           {"02:42:ac:11:00:02", func(c *Create) any { return c.Endpoint.MacAddress.String() }, "02:42:ac:11:00:02"},
	"memory":                {"1g", func(c *Create) any { return c.Host.Memory }, int64(1 << 30)},
	"memory-reservation":    {"8m", func(c *Create) any { return c.Host.MemoryReservation }, int64(8 << 20)},
	"memory-swap":           {"2g", func(c *Create) any { return c.Host.MemorySwap }, int64(2 << 30)},
	"memory-swappiness":     {"0", func(c *Create) any { return *c.Host.MemorySwappiness }, int64(0)},
	"mount":                 {"type=volume,src=data,dst=/x,readonly", func(c *Create) any { return c.Host.Mounts[0].Source }, "multirunner-srv-1-data"},
	"name":                  {"db", func(c *Create) any { return c.Endpoint.Aliases }, []string{"db"}},
	"network":               {"host", func(c *Create) any { return c.Host.NetworkMode }, container.NetworkMode("host")},
	"network-alias":         {"db", func(c *Create) any { return c.Endpoint.Aliases }, []string{"db"}},
	"no-healthcheck":        {"true", func(c *Create) any { return c.Config.Healthcheck.Test }, []string{"NONE"}},
	"oom-kill-disable":      {"true", func(c *Create) any { return *c.Host.OomKillDisable }, true},
	"oom-score-adj":         {"-500", func(c *Create) any { return c.Host.OomScoreAdj }, -500},
	"pid":                   {"host", func(c *Create) any { return c.Host.PidMode }, container.PidMode("host")},
	"pids-limit":            {"10", func(c *Create) any { return *c.Host.PidsLimit }, int64(10)},
	"platform":              {"linux/arm64", func(c *Create) any { return c.Platform }, "linux/arm64"},
	"privileged":            {"true", func(c *Create) any { return c.Host.Privileged }, true},
	"publish":               {"80", func(c *Create) any { return len(c.Host.PortBindings) }, 1},
	"pull":                  {"always", func(c *Create) any { return c.Pull }, common.PullPolicy{"always"}},
	"read-only":             {"true", func(c *Create) any { return c.Host.ReadonlyRootfs }, true},
	"restart":               {"on-failure:3", func(c *Create) any { return c.Host.RestartPolicy.MaximumRetryCount }, 3},
	"runtime":               {"runsc", func(c *Create) any { return c.Host.Runtime }, "runsc"},
	"security-opt":          {"seccomp=unconfined", func(c *Create) any { return c.Host.SecurityOpt }, []string{"no-new-privileges", "seccomp=unconfined"}},
	"shm-size":              {"1g", func(c *Create) any { return c.Host.ShmSize }, int64(1 << 30)},
	"stop-signal":           {"SIGINT", func(c *Create) any { return c.Config.StopSignal }, "SIGINT"},
	"storage-opt":           {"size=1g", func(c *Create) any { return c.Host.StorageOpt }, map[string]string{"size": "1g"}},
	"sysctl":                {"net.core.somaxconn=1", func(c *Create) any { return c.Host.Sysctls }, map[string]string{"net.core.somaxconn": "1"}},
	"tmpfs":                 {"/x:size=64m,mode=1777", func(c *Create) any { return c.Host.Tmpfs }, map[string]string{"/x": "size=64m,mode=1777"}},
	"ulimit":                {"nofile=1024:2048", func(c *Create) any { return *c.Host.Ulimits[0] }, container.Ulimit{Name: "nofile", Soft: 1024, Hard: 2048}},
	"umask":                 {"022", func(c *Create) any { return *c.Host.Umask }, uint32(0o22)},
	"user":                  {"1000:1000", func(c *Create) any { return c.Config.User }, "1000:1000"},
	"userns":                {"host", func(c *Create) any { return c.Host.UsernsMode }, container.UsernsMode("host")},
	"uts":                   {"host", func(c *Create) any { return c.Host.UTSMode }, container.UTSMode("host")},
	"volume":                {"data:/x", func(c *Create) any { return c.Host.Binds }, []string{"multirunner-srv-1-data:/x"}},
	"volume-driver":         {"local", func(c *Create) any { return c.Host.VolumeDriver }, "local"},
	"volumes-from":          {"other:ro", func(c *Create) any { return c.Host.VolumesFrom }, []string{"other:ro"}},
	"workdir":               {"/x", func(c *Create) any { return c.Config.WorkingDir }, "/x"},
}

// noEffect are the options that anybody may write and that do nothing.
var noEffect = map[string]string{
	"attach": "stdin", "detach": "true", "detach-keys": "a", "disable-content-trust": "true", "interactive": "true", "kernel-memory": "1g",
	"publish-all": "true", "quiet": "true", "rm": "true", "sig-proxy": "true", "stop-timeout": "1", "tty": "true",
}

// neverAllowed are the options that no permission helps.
var neverAllowed = map[string]string{
	"cidfile": "/x", "cpu-count": "1", "cpu-percent": "1", "env-file": "/x", "io-maxbandwidth": "1", "io-maxiops": "1", "isolation": "hyperv",
	"label-file": "/x", "link": "a", "use-api-socket": "true",
}

// quoted is an option as a workflow writes it.
func quoted(name, value string) string { return "--" + name + "='" + value + "'" }

func TestEveryOptionDoesWhatItSays(t *testing.T) {
	everything := func(d *common.DockerConfig) {
		for _, known := range knownOptions() {
			d.AllowedOptions = append(d.AllowedOptions, "--"+known.name)
		}
	}
	for _, known := range knownOptions() {
		value, harmless := noEffect[known.name]
		forbidden, never := neverAllowed[known.name]
		tt, works := optionTests[known.name]
		switch {
		case harmless:
			got := must(t, Service, everything, common.Container{Options: quoted(known.name, value)})
			if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "services.db.options: --"+known.name) {
				t.Errorf("--%s: notes %q", known.name, got.Notes)
			}
			got.Notes = nil
			if diff := cmp.Diff(must(t, Service, everything, common.Container{}), got, plainly); diff != "" {
				t.Errorf("--%s has an effect: %s", known.name, diff)
			}
		case never:
			if _, err := try(Service, everything, common.Container{Options: quoted(known.name, forbidden)}); err == nil {
				t.Errorf("--%s is allowed", known.name)
			}
		case works:
			create, err := try(Service, everything, common.Container{Options: quoted(known.name, tt.value)})
			if err != nil {
				t.Errorf("--%s: %v", known.name, err)
			} else if got := tt.got(create); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("--%s: got %#v, want %#v", known.name, got, tt.want)
			}
		default:
			t.Errorf("--%s has no test", known.name)
		}
	}
}

func TestOptionsThatReachTheMachineAreRefusedUnlessAllowed(t *testing.T) {
	refused := strings.Fields(`annotation blkio-weight blkio-weight-device cap-add cgroup-parent cgroupns cpu-period cpu-quota cpu-rt-period cpu-rt-runtime
		cpu-shares cpuset-cpus cpuset-mems device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops gpus ip ip6 ipc
		link-local-ip log-driver log-opt mac-address memory-swap memory-swappiness network oom-kill-disable oom-score-adj pid privileged restart runtime
		security-opt storage-opt sysctl userns uts volume-driver volumes-from`)
	expected := map[string]bool{}
	for _, name := range refused {
		expected[name] = true
	}
	for name, tt := range optionTests {
		for _, kind := range []Kind{Job, Service, Action} {
			if name == "entrypoint" && kind != Service {
				continue
			}
			_, err := try(kind, nil, common.Container{Options: quoted(name, tt.value)})
			if !expected[name] {
				if err != nil {
					t.Errorf("--%s: %v", name, err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), `not allowed on this runner (its operator can allow it: allowed_options = ["--`+name) {
				t.Errorf("--%s: got %v", name, err)
			}
		}
	}
	for name := range expected {
		if _, tested := optionTests[name]; !tested {
			t.Errorf("--%s is not tested", name)
		}
	}
}

func TestAnOptionIsAllowedByItsPattern(t *testing.T) {
	tests := []struct {
		pattern, options string
		want             bool
	}{
		{"--cap-add=NET_ADMIN", "--cap-add NET_ADMIN", true},
		{"--cap-add=NET_ADMIN", "--cap-add cap_net_admin", true},
		{"--cap-add=NET_ADMIN", "--cap-add NET_ADMIN --cap-add SYS_ADMIN", false},
		{"--cap-add=NET_*", "--cap-add NET_RAW", true},
		{"--cap-add=NET_*", "--cap-add ALL", false},
		{"--cap-add", "--cap-add ALL", true},
		{"--cap-add=", "--cap-add ALL", false},
		{"--device=/dev/kvm", "--device /dev/kvm:/dev/x:r", true},
		{"--device=/dev/dri/**", "--device /dev/dri/card0", true},
		{"--device=/dev/dri/**", "--device /dev/dri/../sda", false},
		{"--device=/dev/dri/*", "--device /dev/sda:/dev/dri/x", false},
		{"--network=host", "--network host", true},
		{"--network=host", "--net=host", true},
		{"--network=host", "--network container:x", false},
		{"--network=host", "--network hosts", false},
		{"--privileged", "--privileged", true},
		{"--privileged", "--privileged=true --privileged=false", true},
		{"--network", "--privileged", false},
		{"--*", "--privileged", true},
		{"--sysctl=net.*", "--sysctl net.ipv4.ip_forward=1", true},
		{"--sysctl=net.*", "--sysctl kernel.x=1", false},
		{"--ulimit=rtprio=*", "--ulimit rtprio=99", true},
		{"--nothing", "--ulimit rtprio=99", false},
		{"--nothing", "--security-opt no-new-privileges", true},
		{"--nothing", "--security-opt no-new-privileges:false", false},
		{"--nothing", "--privileged=false", true},
		{"--security-opt", "--security-opt seccomp=/etc/x.json", false},
	}
	for _, tt := range tests {
		_, err := try(Job, func(d *common.DockerConfig) { d.AllowedOptions = []string{tt.pattern} }, common.Container{Options: tt.options})
		if (err == nil) != tt.want {
			t.Errorf("%s with %s: %v", tt.options, tt.pattern, err)
		}
	}
}

func TestBadValuesOfOptions(t *testing.T) {
	for options, want := range map[string]string{
		"--add-host a":                        "is not name:address",
		"--cap-drop 'a b'":                    "is not a capability",
		"--dns x":                             "is not an IP address",
		"--dns-search ''":                     "is empty",
		"--domainname a_b":                    "is not the name of a host",
		"--entrypoint x":                      "only services can have another",
		"-e A":                                "--env A: write NAME=VALUE",
		"-e =x":                               "write NAME=VALUE",
		"--expose 80:80":                      "write -p to publish it",
		"--expose 1-9999":                     "a container can have 256 ports",
		"--health-cmd ''":                     "is empty",
		"--health-interval x":                 "is not a time",
		"--health-interval 1us":               "is below 1ms",
		"--health-interval=-1s":               "is below 1ms",
		"--health-retries -1":                 "is not a number of retries",
		"--health-cmd x --no-healthcheck":     "keep the one or the others",
		"-h ../x":                             "is not the name of a host",
		"-l multirunner.task=1":               "the runner's own",
		"-l MultiRunner.task=1":               "the runner's own",
		"-l =x":                               "has no name",
		"-m 8x":                               "is not a size",
		"-m 1e300g":                           "is not a size",
		"--mount type=bind,src=/etc,dst=/x":   `allowed_volumes = ["/etc"]`,
		"--mount type=bind,src=./x,dst=/x":    "not allowed on this runner",
		"--mount type=bind,src=x,dst=/x":      "has no absolute path as its source",
		"--mount type=image,src=x,dst=/x":     "write bind, volume or tmpfs",
		"--mount type=volume,src=a,dst=x":     "has no absolute path as its target",
		"--mount type=volume,src=../a,dst=/x": "is not the name of a volume",
		"--mount type=volume,src=/etc,dst=/x": "is not the name of a volume",
		"--mount type=volume,src=multirunner-a,dst=/x":                                                                 "the runner's own",
		"--mount type=volume,dst=/x,volume-driver=local,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/etc": "could mount anything of this machine",
		"--mount type=volume,dst=/x,volume-label=a=b":                                                                  "the runner's own",
		"--mount type=bind,src=/etc,dst=/x,bind-propagation=rshared":                                                   "a propagation that reaches this machine",
		"--mount type=bind,src=/var/run/docker.sock,dst=/x":                                                            "mount_socket = true",
		"--mount x":                "",
		"--name 'a b'":             "is not a name",
		"--network-alias -x":       "is not a name",
		"--pids-limit x":           "is not a number of processes",
		"--platform arm64":         "is not os/arch[/variant]",
		"--pull sometimes":         "is none of always, missing and never",
		"--pull never":             "pull_policy in [runners.docker] is always, if-not-present",
		"--shm-size -1":            "is not a size",
		"--stop-signal 'SIG TERM'": "is not a signal",
		"--tmpfs x":                "is not an absolute path",
		"--tmpfs /":                "is not an absolute path",
		"--tmpfs /x:size=big":      "has a size that cannot be read",
		"--ulimit x=1":             "",
		"--ulimit nofile=2:1":      "",
		"-u 'a b'":                 "white space",
		"-w x":                     "is not an absolute path",
	} {
		_, err := try(Job, nil, common.Container{Options: options})
		if err == nil || !strings.HasPrefix(err.Error(), "container.options: --") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", options, err)
		}
	}
}

func TestValuesOfOptionsThatNeedAPermissionAreCheckedToo(t *testing.T) {
	for name, value := range map[string]string{
		"annotation": "x", "blkio-weight": "5", "blkio-weight-device": "x", "cpu-period": "1", "cpu-quota": "1", "cpu-rt-period": "-1", "cpu-rt-runtime": "x",
		"cpu-shares": "1", "cap-add": "a-b", "device": "kvm", "device-read-bps": "x", "device-write-iops": "x", "gpus": "x=y", "ip": "::1", "ip6": "192.0.2.1",
		"link-local-ip": "x", "log-opt": "x", "mac-address": "x", "memory-swap": "x", "memory-swappiness": "101", "network": "name=x,alias=y", "oom-score-adj": "2000",
		"pid": "a b", "restart": "sometimes", "storage-opt": "x", "sysctl": "x", "volumes-from": "",
	} {
		_, err := try(Service, func(d *common.DockerConfig) { d.AllowedOptions = []string{"--" + name} }, common.Container{Options: quoted(name, value)})
		if err == nil || strings.Contains(err.Error(), "not allowed on this runner") {
			t.Errorf("--%s=%s: %v", name, value, err)
		}
	}
}

func TestASecretInAnOptionIsNotRepeated(t *testing.T) {
	_, err := try(Service, nil, common.Container{Options: "-e =hunter2", Env: []string{"=hunter2"}})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// FuzzParse holds that whatever a workflow writes is read or refused, and that
// nothing of it gets rights that nobody allowed.
func FuzzParse(f *testing.F) {
	for name, tt := range optionTests {
		f.Add(quoted(name, tt.value))
	}
	f.Add(`--health-cmd "pg_isready -U x" -itd -p80:80 -v a:/b -- x`)
	f.Add("--mount type=bind,src=/etc,dst=/x --privileged=f -v /srv/allowed/../x:/y")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := Parse(text)
		if err != nil && (len(found) > 0 || strings.ContainsRune(err.Error(), '\n')) {
			t.Errorf("got %v, %v", found, err)
		}
		for _, kind := range []Kind{Job, Service} {
			create, err := try(kind, nil, common.Container{Options: text})
			if err != nil {
				continue
			}
			h := create.Host
			switch {
			case h.Privileged, len(h.CapAdd) > 0, len(h.Devices) > 0, len(h.DeviceRequests) > 0, h.NetworkMode != "", h.PidMode != "", h.IpcMode != "",
				h.UTSMode != "", h.UsernsMode != "", h.CgroupParent != "", len(h.VolumesFrom) > 0, len(h.Sysctls) > 0, h.Runtime != "", h.VolumeDriver != "":
				t.Errorf("%q gives %+v", text, h)
			}
			for _, bind := range h.Binds {
				if !strings.HasPrefix(bind, VolumePrefix+"srv-1-") && !strings.HasPrefix(bind, "/builds/x/work") {
					t.Errorf("%q mounts %s", text, bind)
				}
			}
			for _, mounted := range h.Mounts {
				if mounted.Type == "bind" && !strings.HasPrefix(mounted.Source, "/builds/x/work") || mounted.VolumeOptions != nil && mounted.VolumeOptions.DriverConfig != nil {
					t.Errorf("%q mounts %+v", text, mounted)
				}
			}
		}
	})
}
