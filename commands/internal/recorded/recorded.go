// Package recorded is for tests: it says what is in a recorded state
// directory, and unpacks it.
package recorded

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Name is the manifest's file beside what was recorded.
const Name = "recorded.json"

// Manifest says what the server knew, and has to know in the end.
type Manifest struct {
	Server        string         `json:"server"`
	Registrations []Registration `json:"registrations"` // in the order of their rows
	Tasks         []Task         `json:"tasks"`         // by id, from 1 on
}

// Registration is a row of the server.
type Registration struct {
	Name  string `json:"name"` // and its one label
	UUID  string `json:"uuid"`
	Token string `json:"token"`
}

// Task is a task of the server.
type Task struct {
	ID        int64    `json:"id"`
	Runner    string   `json:"runner"`    // name of its registration
	State     string   `json:"state"`     // how its job was left
	Delivered int      `json:"delivered"` // rows that the server had
	Result    string   `json:"result"`    // that the server has to have
	Rows      []string `json:"rows"`      // that it has to have, once each
	Word      string   `json:"word"`      // value of the job's output "word", "" for none
}

// Unpack copies a recorded state directory to an empty one, and gives its
// manifest. Files whose name ends in .gz are unpacked.
func Unpack(from, to string) (Manifest, error) {
	var manifest Manifest
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if name == Name {
			data, err := os.ReadFile(path)
			return errors.Join(err, json.Unmarshal(data, &manifest))
		}
		return unpack(path, filepath.Join(to, name))
	})
	return manifest, err
}

func unpack(from, to string) (err error) {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	var content io.Reader = file
	if plain, ok := strings.CutSuffix(to, ".gz"); ok {
		to = plain
		if content, err = gzip.NewReader(file); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, content)
	return errors.Join(err, copied.Close())
}
