package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"

	"multirunner/helpers/bounded"
	"multirunner/helpers/process"
)

const (
	// dockerHub is the registry of names without a host.
	dockerHub = "docker.io"
	// dockerHubKey is what config.json and credential helpers call it.
	dockerHubKey = "https://index.docker.io/v1/"
	// tokenUser is the user name of helpers whose secret is a token.
	tokenUser = "<token>"
)

const (
	// helperLimit is how long a credential helper may take.
	helperLimit = 30 * time.Second
	// helperOutput is how much of its answer is read.
	helperOutput = 1 << 20
)

// registryHost gives the host of a registry as names of images have it, from
// any of the ways to write it.
func registryHost(server string) string {
	if _, rest, ok := strings.Cut(server, "://"); ok {
		server = rest
	}
	server, _, _ = strings.Cut(server, "/")
	server = strings.ToLower(server)
	switch server {
	case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		return dockerHub
	}
	return server
}

// auth gives the credentials for a registry: the workflow's own, else those of
// the configuration, else those of config.json and its helpers, else none. What
// cannot be read is told to the operator, and counts as none: many images need
// no credentials.
func (s *Store) auth(ctx context.Context, host string, own Credentials) registry.AuthConfig {
	if own.Username != "" {
		return registry.AuthConfig{Username: own.Username, Password: own.Password.Reveal(), ServerAddress: serverAddress(host)}
	}
	if known, ok := s.registries[host]; ok {
		return registry.AuthConfig{Username: known.Username, Password: known.Password, ServerAddress: serverAddress(host)}
	}
	if s.dockerConfig == "" {
		return registry.AuthConfig{}
	}
	file, err := config.Load(s.dockerConfig)
	if err != nil {
		// The error may quote the file.
		s.log.Warnf("config.json in %s cannot be read, its credentials are not used", s.dockerConfig)
		return registry.AuthConfig{}
	}
	found, err := fromHelper(ctx, file, host)
	if err != nil {
		s.log.WithError(err).Warnf("no credentials for the registry %s", host)
	}
	if found == (registry.AuthConfig{}) {
		found = fromFile(file, host)
	}
	if found != (registry.AuthConfig{}) {
		found.ServerAddress = serverAddress(host)
	}
	return found
}

// allAuths gives the credentials for a builder, by host: those of the
// configuration, and those of config.json for the hosts that it is asked for.
func (s *Store) allAuths(ctx context.Context, hosts []string) map[string]registry.AuthConfig {
	all := map[string]registry.AuthConfig{}
	for host := range s.registries {
		hosts = append(hosts, host)
	}
	for _, host := range hosts {
		if found := s.auth(ctx, host, Credentials{}); found != (registry.AuthConfig{}) {
			all[serverAddress(host)] = found
		}
	}
	return all
}

func serverAddress(host string) string {
	if host == dockerHub {
		return dockerHubKey
	}
	return host
}

// fromFile gives what config.json itself says of a host.
func fromFile(file *configfile.ConfigFile, host string) registry.AuthConfig {
	for key, found := range file.AuthConfigs {
		if registryHost(key) != host {
			continue
		}
		a := registry.AuthConfig{
			Username: found.Username, Password: found.Password,
			IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
		}
		if a != (registry.AuthConfig{}) {
			return a
		}
	}
	return registry.AuthConfig{}
}

// fromHelper asks the helper that config.json names for a host, or for all.
// Nothing without an error means that there is none, or that it knows nothing.
func fromHelper(ctx context.Context, file *configfile.ConfigFile, host string) (registry.AuthConfig, error) {
	name := file.CredentialsStore
	for key, helper := range file.CredentialHelpers {
		if registryHost(key) == host {
			name = helper
		}
	}
	if name == "" {
		return registry.AuthConfig{}, nil
	}
	program := "docker-credential-" + name
	ctx, cancel := context.WithTimeout(ctx, helperLimit)
	defer cancel()
	helper := &helperProgram{ctx: ctx, path: program}
	found, err := client.Get(func(args ...string) client.Program {
		helper.args = args
		return helper
	}, serverAddress(host))
	switch {
	case credentials.IsErrCredentialsNotFound(err):
		return registry.AuthConfig{}, nil
	case ctx.Err() != nil && helper.err != nil:
		return registry.AuthConfig{}, fmt.Errorf("%s did not answer within %s", program, helperLimit)
	case helper.err != nil:
		// Not what it printed: that may be a secret.
		return registry.AuthConfig{}, fmt.Errorf("%s: %w", program, helper.err)
	case err != nil:
		return registry.AuthConfig{}, fmt.Errorf("%s gave an answer that is no credential", program)
	case found.Username == tokenUser:
		return registry.AuthConfig{IdentityToken: found.Secret}, nil
	}
	return registry.AuthConfig{Username: found.Username, Password: found.Secret}, nil
}

// helperProgram runs a credential helper, and kills it and all that it started
// when the context ends.
type helperProgram struct {
	ctx   context.Context
	path  string
	args  []string
	input io.Reader
	err   error
}

func (p *helperProgram) Input(in io.Reader) { p.input = in }

func (p *helperProgram) Output() ([]byte, error) {
	out, err := p.run()
	p.err = err
	return out, err
}

func (p *helperProgram) run() ([]byte, error) {
	path, err := exec.LookPath(p.path)
	if err != nil {
		return nil, err
	}
	server, err := io.ReadAll(p.input)
	if err != nil {
		return nil, err
	}
	stdin, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	// A host's name is short: the pipe takes it whether it is read or not.
	_, err = write.Write(server)
	if err := errors.Join(err, write.Close()); err != nil {
		return nil, err
	}
	family := process.NewFamily()
	out := bounded.Buffer{Most: helperOutput}
	command, err := family.Start(process.Options{Path: path, Args: p.args, Env: os.Environ(), Stdin: stdin, Stdout: &out})
	if err != nil {
		return nil, err
	}
	status := command.Wait(p.ctx, process.Escalation{AtOnce: func(error) bool { return true }})
	closeErr := family.Close(context.WithoutCancel(p.ctx))
	switch {
	case status.Signal != "":
		return nil, fmt.Errorf("ended by signal: %s", status.Signal)
	case status.Code != 0:
		// What it prints then is one of the library's known messages, or of no use.
		return out.Bytes(), fmt.Errorf("exit status %d", status.Code)
	case out.Over():
		return nil, errors.New("its answer is too long")
	}
	return out.Bytes(), closeErr
}

// header encodes credentials as the engine takes them; none are "".
func header(auth registry.AuthConfig) (string, error) {
	if auth == (registry.AuthConfig{}) {
		return "", nil
	}
	return authconfig.Encode(auth)
}
