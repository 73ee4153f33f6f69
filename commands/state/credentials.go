package state

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"

	"multirunner/common"
	"multirunner/helpers/atomicfile"
)

// nameMax is what a uuid may have that names a file. Longer ones and such with
// other signs (a server may call a runner anything) go by their hash.
const nameMax = 128

func (d *Dir) named(folder, id string) string {
	if !common.IsPlainName(id, nameMax) {
		id = "h-" + common.ServerHash(id)
	}
	return filepath.Join(d.root, folder, id)
}

// KeepCredential makes sure that the token of a registration is on disk, so
// that what was claimed with it can be closed after the registration has left
// the configuration. It writes only when the token is new or different.
func (d *Dir) KeepCredential(id string, token common.Secret) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.credentials[id] == token.Reveal() {
		return nil
	}
	path := d.named("credentials", id)
	if data, err := os.ReadFile(path); err != nil || string(data) != token.Reveal() {
		if err := atomicfile.Write(path, []byte(token.Reveal()), 0o600); err != nil {
			return fmt.Errorf("credential of registration %s: %w", id, err)
		}
	}
	d.credentials[id] = token.Reveal()
	return nil
}

// Credential gives the token that was kept.
func (d *Dir) Credential(id string) (common.Secret, error) {
	data, err := os.ReadFile(d.named("credentials", id))
	if err != nil {
		return common.Secret{}, err
	}
	return common.NewSecret(string(data)), nil
}

// dropCredential removes the token with the last claim of its registration.
func (d *Dir) dropCredential(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.claims[id]--; d.claims[id] > 0 {
		return nil
	}
	delete(d.claims, id)
	delete(d.credentials, id)
	return removeIfThere(d.named("credentials", id))
}

// Forget removes the tokens and request keys of all registrations but those
// named and those that have claims.
func (d *Dir) Forget(keep []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := map[string]bool{}
	for _, id := range slices.Concat(keep, slices.Collect(maps.Keys(d.claims))) {
		kept[id] = true
	}
	gone := func(id, _ string) bool { return !kept[id] }
	maps.DeleteFunc(d.credentials, gone)
	maps.DeleteFunc(d.keys, gone)
	return errors.Join(d.removeOthers("credentials", kept), d.removeOthers("keys", kept))
}

// removeOthers also removes what a crash left of a file that was being written.
func (d *Dir) removeOthers(folder string, kept map[string]bool) error {
	names := map[string]bool{}
	for id := range kept {
		names[filepath.Base(d.named(folder, id))] = true
	}
	entries, err := os.ReadDir(filepath.Join(d.root, folder))
	for _, entry := range entries {
		if !names[entry.Name()] {
			err = errors.Join(err, removeIfThere(filepath.Join(d.root, folder, entry.Name())))
		}
	}
	return err
}

// countClaim notes that a claim of the registration is on disk.
func (d *Dir) countClaim(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.claims[id]++
}

// RequestKey gives the key that a registration's FetchTask carries: the same
// one, also after a crash, until RotateKey.
func (d *Dir) RequestKey(id string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if key := d.keys[id]; key != "" {
		return key, nil
	}
	data, err := os.ReadFile(d.named("keys", id))
	if _, bad := uuid.ParseBytes(data); err == nil && bad == nil {
		d.keys[id] = string(data)
		return d.keys[id], nil
	}
	return d.newKey(id)
}

// RotateKey replaces the key, once what it brought is safe. After an error the
// old one may come back with a restart, and not before: a server that hears it
// again tells its task with a new token, and the job's own is dead.
func (d *Dir) RotateKey(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.newKey(id)
	if err != nil {
		d.keys[id] = uuid.NewString()
	}
	return err
}

func (d *Dir) newKey(id string) (string, error) {
	key := uuid.NewString()
	if err := atomicfile.WriteNoSync(d.named("keys", id), []byte(key), 0o600); err != nil {
		return "", fmt.Errorf("request key of registration %s: %w", id, err)
	}
	d.keys[id] = key
	return key, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
