// Package configfile reads config.toml from disk and changes it as text.
package configfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"multirunner/common"
	"multirunner/helpers/tomltext"
)

// File is a configuration as it was read.
type File struct {
	Path   string
	Config *common.Config
	// Problems are in the order of the lines. Those of a registration carry
	// its index; Config.Broken tells which ones to leave out.
	Problems []common.Problem
	// Hash changes with the bytes of the file (not with those of token files).
	Hash string
}

// Loader reads configurations. Its zero value looks at the environment of the
// process.
type Loader struct {
	Getenv func(string) string
}

// Load is Loader.Load with the environment of the process.
func Load(path string) (*File, error) { return Loader{}.Load(path) }

// Load reads a file, the tokens that it names by token_file and token_env into
// Token, and the passwords of registries likewise. Paths of token_file,
// password_file and tls_ca_file are relative to the file's directory, and
// absolute afterwards.
//
// The error tells that the file cannot be used at all (it satisfies
// errors.Is(err, fs.ErrNotExist) when there is none). A secret that cannot be
// read is a Problem of its registration, and the others work.
func (l Loader) Load(path string) (*File, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	config, problems, err := common.DecodeConfig(path, data)
	if err != nil {
		return nil, err
	}
	file := &File{Path: path, Config: config, Problems: problems, Hash: hashOf(data)}
	if problem := modeProblem(path, config); problem != nil {
		file.Problems = append(file.Problems, *problem)
	}
	l.resolve(file, tomltext.Scan(data))
	slices.SortStableFunc(file.Problems, func(a, b common.Problem) int { return a.Line - b.Line })
	return file, nil
}

// Hash gives the Hash of a file as it is now, without decoding it.
func Hash(path string) (string, error) {
	data, err := read(path)
	if err != nil {
		return "", err
	}
	return hashOf(data), nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("configuration %s: %w: name another with -c, or make one with `runner register`", path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return data, nil
}

// modeProblem is the warning about secrets that others may read.
func modeProblem(path string, config *common.Config) *common.Problem {
	for _, r := range config.Runners {
		if !hasSecrets(r) {
			continue
		}
		if mode, loose := LooseMode(path); loose {
			return &common.Problem{
				File: path, Runner: common.GlobalProblem, Warning: true,
				Message: fmt.Sprintf("mode %04o lets others read the tokens in it: chmod 600 %s", mode, path),
			}
		}
		return nil
	}
	return nil
}

func hasSecrets(r *common.RunnerConfig) bool {
	return !r.Token.IsZero() || slices.ContainsFunc(r.Docker.Registries, func(registry common.RegistryConfig) bool {
		return !registry.Password.IsZero()
	})
}

// DefaultPath is the file that is meant when none is named: config.toml in the
// working directory if there is one, else /etc/runner/config.toml as root and
// $XDG_CONFIG_HOME/runner/config.toml (or what the system has for it) as
// anybody else.
func DefaultPath(getenv func(string) string, asRoot bool) string {
	const name = "config.toml"
	if _, err := os.Stat(name); err == nil {
		return name
	}
	if asRoot {
		return filepath.Join("/etc/runner", name)
	}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "runner", name)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return name // no home either
	}
	return filepath.Join(dir, "runner", name)
}
