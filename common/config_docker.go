package common

import "fmt"

// DockerConfig is [runners.docker]: how jobs run in containers.
type DockerConfig struct {
	Host  string `toml:"host"`  // of the engine; empty is DOCKER_HOST, else the system's socket
	Image string `toml:"image"` // for labels that name none

	// Images.
	PullPolicy      PullPolicy       `toml:"pull_policy"`
	AllowedImages   []string         `toml:"allowed_images"`
	AllowedServices []string         `toml:"allowed_services"`
	Platform        string           `toml:"platform"`
	Registries      []RegistryConfig `toml:"registries" json:"-"`

	// What a job may have.
	Privileged      bool     `toml:"privileged"`
	NoNewPrivileges bool     `toml:"no_new_privileges"`
	CapAdd          []string `toml:"cap_add"`
	CapDrop         []string `toml:"cap_drop"`
	Devices         []string `toml:"devices"`
	MountSocket     bool     `toml:"mount_socket"`
	Volumes         []string `toml:"volumes"`         // in every job container
	AllowedVolumes  []string `toml:"allowed_volumes"` // globs: what workflows may mount
	AllowedOptions  []string `toml:"allowed_options"` // globs: of workflows, beyond the harmless ones

	// Resources, each container's; 0 is no limit of ours. Max holds for what
	// workflows ask for, and is what a container gets that has no other limit.
	Memory           Size    `toml:"memory"`
	CPUs             float64 `toml:"cpus"`
	PidsLimit        int     `toml:"pids_limit"`
	ShmSize          Size    `toml:"shm_size"`
	ServiceMemory    Size    `toml:"service_memory"`
	ServiceCPUs      float64 `toml:"service_cpus"`
	ServicePidsLimit int     `toml:"service_pids_limit"`
	ServiceShmSize   Size    `toml:"service_shm_size"`
	MaxMemory        Size    `toml:"max_memory"`
	MaxCPUs          float64 `toml:"max_cpus"`
	MaxPidsLimit     int     `toml:"max_pids_limit"`
	MaxShmSize       Size    `toml:"max_shm_size"`

	// Network.
	NetworkMode string   `toml:"network_mode"` // empty: a network per job
	DNS         []string `toml:"dns"`
	ExtraHosts  []string `toml:"extra_hosts"` // name:address

	NodeDir             string   `toml:"node_dir"` // with bin/node, for images without one
	ServiceReadyTimeout Duration `toml:"service_ready_timeout"`

	// Admission: what must hold before a server is asked for a job.
	MinFreeDisk     Size   `toml:"min_free_disk"` // where the engine keeps its data
	AdmissionScript string `toml:"admission_script"`
}

// PullPolicy says when an image is pulled: the words are tried in this order
// until one gives the image. A config file may write a single one without the
// list.
type PullPolicy []string

// The words of a PullPolicy.
const (
	PullAlways       = "always"
	PullIfNotPresent = "if-not-present"
	PullNever        = "never"
)

// UnmarshalTOML takes a text or a list of texts.
func (p *PullPolicy) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		*p = PullPolicy{v}
		return nil
	case []any:
		words := make(PullPolicy, 0, len(v))
		for _, element := range v {
			word, ok := element.(string)
			if !ok {
				return fmt.Errorf("%v is not a word: write \"always\", \"if-not-present\" or \"never\"", element)
			}
			words = append(words, word)
		}
		*p = words
		return nil
	}
	return fmt.Errorf("%v is not a word or a list of words: write for example [\"always\", \"if-not-present\"]", v)
}

// RegistryConfig is [[runners.docker.registries]]: credentials for one registry
// of images.
type RegistryConfig struct {
	Server       string `toml:"server"`
	Username     string `toml:"username"`
	Password     Secret `toml:"password"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
}

// DefaultDocker gives [runners.docker] with every default.
func DefaultDocker() DockerConfig {
	return DockerConfig{
		PullPolicy:          PullPolicy{PullAlways, PullIfNotPresent},
		NoNewPrivileges:     true,
		ServiceReadyTimeout: seconds(300),
		MinFreeDisk:         1 << 30,
	}
}
