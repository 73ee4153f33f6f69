package policy

import "strings"

// option is one that `docker create` knows.
type option struct {
	name    string
	short   string
	aliases []string
	boolean bool

	// apply puts a value into what is made; nil for an option that has no
	// meaning here, which why tells.
	apply func(m *maker, value string) error
	why   string
	// never tells why an option is refused whatever is allowed.
	never string
	// guard tells whether a value needs the operator's permission, and in which
	// form it is held against allowed_options. nil is an option that anybody may
	// use.
	guard func(value string) (canonical string, guarded bool)
}

// asIs guards every value, in the form that it has.
func asIs(value string) (string, bool) { return value, true }

// noValue guards an option that takes none.
func noValue(string) (string, bool) { return "", true }

const (
	readsFiles  = "reads or writes a file of this machine, which no workflow may"
	runnersOwn  = "is for the runner to decide"
	windowsOnly = "is for Windows containers"
	hasNoTTY    = "has no effect: nobody is at a terminal"
)

// knownOptions are the options of `docker create`, in its order, and those that
// `docker run` adds.
func knownOptions() []option {
	return append(freeOptions(), guardedOptions()...)
}

// freeOptions are those that anybody may use, within the limits of the
// configuration, and those that nobody may.
func freeOptions() []option {
	return []option{
		{name: "add-host", apply: (*maker).addHost},
		{name: "attach", short: "a", why: hasNoTTY},
		{name: "cap-drop", apply: func(m *maker, v string) error {
			return m.capability(&m.out.Host.CapDrop, v)
		}},
		{name: "cidfile", never: readsFiles},
		{name: "cpu-count", never: windowsOnly},
		{name: "cpu-percent", never: windowsOnly},
		{name: "cpus", apply: (*maker).setCPUs},
		{name: "detach", short: "d", boolean: true, why: "has no effect: containers of jobs always run beside them"},
		{name: "detach-keys", why: hasNoTTY},
		{name: "disable-content-trust", boolean: true, why: "has no effect"},
		{name: "dns", apply: (*maker).addDNS},
		{name: "dns-option", aliases: []string{"dns-opt"}, apply: func(m *maker, v string) error {
			return appendWord(&m.out.Host.DNSOptions, v)
		}},
		{name: "dns-search", apply: func(m *maker, v string) error {
			return appendWord(&m.out.Host.DNSSearch, v)
		}},
		{name: "domainname", apply: func(m *maker, v string) error { return setHostName(&m.out.Config.Domainname, v) }},
		{name: "entrypoint", apply: (*maker).setEntrypoint},
		{name: "env", short: "e", apply: (*maker).addEnv},
		{name: "env-file", never: readsFiles},
		{name: "expose", apply: (*maker).expose},
		{name: "group-add", apply: func(m *maker, v string) error { return appendWord(&m.out.Host.GroupAdd, v) }},
		{name: "health-cmd", apply: (*maker).setHealthCommand},
		{name: "health-interval", apply: (*maker).setHealthInterval},
		{name: "health-retries", apply: (*maker).setHealthRetries},
		{name: "health-start-interval", apply: (*maker).setHealthStartInterval},
		{name: "health-start-period", apply: (*maker).setHealthStartPeriod},
		{name: "health-timeout", apply: (*maker).setHealthTimeout},
		{name: "hostname", short: "h", apply: func(m *maker, v string) error { return setHostName(&m.out.Config.Hostname, v) }},
		{name: "init", boolean: true, apply: (*maker).setInit},
		{name: "interactive", short: "i", boolean: true, why: hasNoTTY},
		{name: "io-maxbandwidth", never: windowsOnly},
		{name: "io-maxiops", never: windowsOnly},
		{name: "isolation", never: windowsOnly},
		{name: "kernel-memory", why: "has no effect: engines have it no more"},
		{name: "label", short: "l", apply: (*maker).addLabel},
		{name: "label-file", never: readsFiles},
		{name: "link", never: "is not needed: containers of a job find each other by their names"},
		{name: "memory", short: "m", apply: (*maker).setMemory},
		{name: "memory-reservation", apply: (*maker).setMemoryReservation},
		{name: "mount", apply: (*maker).mount},
		{name: "name", apply: (*maker).setName},
		{name: "network-alias", aliases: []string{"net-alias"}, apply: (*maker).addAlias},
		{name: "no-healthcheck", boolean: true, apply: (*maker).setNoHealthcheck},
		{name: "pids-limit", apply: (*maker).setPidsLimit},
		{name: "platform", apply: (*maker).setPlatform},
		{name: "publish", short: "p", apply: (*maker).port},
		{name: "publish-all", short: "P", boolean: true, apply: func(m *maker, v string) error {
			m.note("options", "--publish-all has no effect: write each port below ports")
			return nil
		}},
		{name: "pull", apply: (*maker).setPull},
		{name: "quiet", short: "q", boolean: true, why: "has no effect"},
		{name: "read-only", boolean: true, apply: func(m *maker, v string) error {
			m.out.Host.ReadonlyRootfs = v == "true"
			return nil
		}},
		{name: "rm", boolean: true, why: "has no effect: a job's containers are always removed"},
		{name: "shm-size", apply: (*maker).setShmSize},
		{name: "sig-proxy", boolean: true, why: hasNoTTY},
		{name: "stop-signal", apply: (*maker).setStopSignal},
		{name: "stop-timeout", why: "has no effect: the runner stops the containers of a job"},
		{name: "tmpfs", apply: (*maker).addTmpfs},
		{name: "tty", short: "t", boolean: true, why: hasNoTTY},
		{name: "ulimit", apply: (*maker).addUlimit, guard: func(v string) (string, bool) {
			name, _, _ := strings.Cut(v, "=")
			return v, name == "rtprio" || name == "nice" // beside the host's own programs
		}},
		{name: "umask", apply: (*maker).setUmask},
		{name: "use-api-socket", boolean: true, never: "gives the engine to the job: an operator writes mount_socket = true in [runners.docker]"},
		{name: "user", short: "u", apply: func(m *maker, v string) error { return setWord(&m.out.Config.User, v) }},
		{name: "volume", short: "v", apply: (*maker).volume},
		{name: "workdir", short: "w", apply: (*maker).setWorkdir},
	}
}

// guardedOptions are those that only the operator can allow.
func guardedOptions() []option {
	return []option{
		{name: "annotation", apply: (*maker).addAnnotation, guard: asIs},
		{name: "blkio-weight", apply: (*maker).setBlkioWeight, guard: asIs},
		{name: "blkio-weight-device", apply: (*maker).addBlkioWeightDevice, guard: asIs},
		{name: "cap-add", apply: func(m *maker, v string) error {
			return m.capability(&m.out.Host.CapAdd, v)
		}, guard: canonicalCapability},
		{name: "cgroup-parent", apply: func(m *maker, v string) error { return setWord(&m.out.Host.CgroupParent, v) }, guard: asIs},
		{name: "cgroupns", apply: setMode("cgroupns"), guard: asIs},
		{name: "cpu-period", apply: (*maker).setCPUPeriod, guard: asIs},
		{name: "cpu-quota", apply: (*maker).setCPUQuota, guard: asIs},
		{name: "cpu-rt-period", apply: (*maker).setCPURealtimePeriod, guard: asIs},
		{name: "cpu-rt-runtime", apply: (*maker).setCPURealtimeRuntime, guard: asIs},
		{name: "cpu-shares", short: "c", apply: (*maker).setCPUShares, guard: asIs},
		{name: "cpuset-cpus", apply: func(m *maker, v string) error { return setWord(&m.out.Host.CpusetCpus, v) }, guard: asIs},
		{name: "cpuset-mems", apply: func(m *maker, v string) error { return setWord(&m.out.Host.CpusetMems, v) }, guard: asIs},
		{name: "device", apply: (*maker).addDevice, guard: canonicalDevice},
		{name: "device-cgroup-rule", apply: func(m *maker, v string) error {
			m.out.Host.DeviceCgroupRules = append(m.out.Host.DeviceCgroupRules, v)
			return nil
		}, guard: asIs},
		{name: "device-read-bps", apply: throttle("device-read-bps"), guard: asIs},
		{name: "device-read-iops", apply: throttle("device-read-iops"), guard: asIs},
		{name: "device-write-bps", apply: throttle("device-write-bps"), guard: asIs},
		{name: "device-write-iops", apply: throttle("device-write-iops"), guard: asIs},
		{name: "gpus", apply: (*maker).addGPUs, guard: asIs},
		{name: "ip", apply: (*maker).setIP, guard: asIs},
		{name: "ip6", apply: (*maker).setIP6, guard: asIs},
		{name: "ipc", apply: setMode("ipc"), guard: asIs},
		{name: "link-local-ip", apply: (*maker).addLinkLocalIP, guard: asIs},
		{name: "log-driver", apply: func(m *maker, v string) error { return setWord(&m.out.Host.LogConfig.Type, v) }, guard: asIs},
		{name: "log-opt", apply: func(m *maker, v string) error {
			return setPair(&m.out.Host.LogConfig.Config, v)
		}, guard: asIs},
		{name: "mac-address", apply: (*maker).setMAC, guard: asIs},
		{name: "memory-swap", apply: (*maker).setMemorySwap, guard: asIs},
		{name: "memory-swappiness", apply: (*maker).setMemorySwappiness, guard: asIs},
		{name: "network", aliases: []string{"net"}, apply: (*maker).setNetwork, guard: asIs},
		{name: "oom-kill-disable", boolean: true, apply: func(m *maker, v string) error {
			disable := v == "true"
			m.out.Host.OomKillDisable = &disable
			return nil
		}, guard: noValue},
		{name: "oom-score-adj", apply: (*maker).setOOMScore, guard: asIs},
		{name: "pid", apply: setMode("pid"), guard: asIs},
		{name: "privileged", boolean: true, apply: func(m *maker, v string) error {
			m.out.Host.Privileged = true
			return nil
		}, guard: noValue},
		{name: "restart", apply: (*maker).setRestart, guard: asIs},
		{name: "runtime", apply: func(m *maker, v string) error { return setWord(&m.out.Host.Runtime, v) }, guard: asIs},
		{name: "security-opt", apply: (*maker).addSecurityOpt, guard: func(v string) (string, bool) {
			return v, v != "no-new-privileges" && v != "no-new-privileges=true" && v != "no-new-privileges:true"
		}},
		{name: "storage-opt", apply: func(m *maker, v string) error { return setPair(&m.out.Host.StorageOpt, v) }, guard: asIs},
		{name: "sysctl", apply: func(m *maker, v string) error { return setPair(&m.out.Host.Sysctls, v) }, guard: asIs},
		{name: "userns", apply: setMode("userns"), guard: asIs},
		{name: "uts", apply: setMode("uts"), guard: asIs},
		{name: "volume-driver", apply: func(m *maker, v string) error { return setWord(&m.out.Host.VolumeDriver, v) }, guard: asIs},
		{name: "volumes-from", apply: func(m *maker, v string) error { return appendWord(&m.out.Host.VolumesFrom, v) }, guard: asIs},
	}
}
