package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"multirunner/common"
	"multirunner/helpers/atomicfile"
)

// credentialVersion is the version of the files below credentials.
const credentialVersion = 1

// Credential is what reports of a registration need besides its URL and uuid.
type Credential struct {
	Token    common.Secret
	CAFile   string
	Insecure bool
}

// credentialFile is a Credential on disk, 0600.
type credentialFile struct {
	V        int    `json:"v"`
	URL      string `json:"url"`
	UUID     string `json:"uuid"`
	Token    string `json:"token"`
	CAFile   string `json:"tls_ca_file,omitempty"`
	Insecure bool   `json:"insecure_skip_verify,omitempty"`
}

// nameMax is what a uuid may have that names a file. Longer ones and such with
// other signs (a server may call a runner anything) go by their hash.
const nameMax = 128

// named is the file of a registration: two servers may know the same uuid, of
// which one began as a copy of the other.
func (d *Dir) named(folder string, id common.RegistrationID) string {
	return filepath.Join(d.root, folder, common.ServerHash(id.URL)+"-"+plain(id.UUID))
}

// namedBefore is what named was in earlier versions of this program, whose files
// are read on.
func (d *Dir) namedBefore(folder, uuid string) string {
	return filepath.Join(d.root, folder, plain(uuid))
}

func plain(uuid string) string {
	if !common.IsPlainName(uuid, nameMax) {
		return "h-" + common.ServerHash(uuid)
	}
	return uuid
}

// KeepCredential makes sure that what reports of a registration need is on
// disk, so that what was claimed can be closed after the registration has left
// the configuration. It writes only what is new or different.
func (d *Dir) KeepCredential(id common.RegistrationID, c Credential) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.credentials[id] == c {
		return nil
	}
	path := d.named("credentials", id)
	data, err := json.Marshal(credentialFile{
		V: credentialVersion, URL: id.URL, UUID: id.UUID, Token: c.Token.Reveal(), CAFile: c.CAFile, Insecure: c.Insecure,
	})
	if err != nil {
		return fmt.Errorf("credential of registration %s: %w", id.UUID, err)
	}
	if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, data) {
		if err := atomicfile.Write(path, data, 0o600); err != nil {
			return fmt.Errorf("credential of registration %s: %w", id.UUID, err)
		}
	}
	d.credentials[id] = c
	return nil
}

// Credential gives what was kept. The error is fs.ErrNotExist when nothing was,
// and a *common.VersionError when another version of this program kept it.
func (d *Dir) Credential(id common.RegistrationID) (Credential, error) {
	path := d.named("credentials", id)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		token, err := os.ReadFile(d.namedBefore("credentials", id.UUID)) // nothing else
		return Credential{Token: common.NewSecret(string(token))}, err
	}
	if err != nil {
		return Credential{}, err
	}
	var kept credentialFile
	if err := common.DecodeVersioned(path, data, credentialVersion, &kept); err != nil {
		return Credential{}, err
	}
	return Credential{Token: common.NewSecret(kept.Token), CAFile: kept.CAFile, Insecure: kept.Insecure}, nil
}

// dropCredential removes what was kept with the last claim of a registration
// that has left the configuration. Of one that is in it, the next job needs it.
func (d *Dir) dropCredential(id common.RegistrationID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.claims[id]--; d.claims[id] > 0 {
		return nil
	}
	delete(d.claims, id)
	if d.foreign {
		return nil
	}
	var err error
	if !d.claimedAs(id.UUID) {
		err = removeIfThere(d.namedBefore("credentials", id.UUID))
	}
	if d.served[id] {
		return err
	}
	delete(d.credentials, id)
	return errors.Join(err, removeIfThere(d.named("credentials", id)))
}

// claimedAs tells whether a claim has the uuid, of whatever server.
func (d *Dir) claimedAs(uuid string) bool {
	for id := range d.claims {
		if id.UUID == uuid {
			return true
		}
	}
	return false
}

// Serve tells which registrations are in the configuration. What was kept of
// all others goes, unless they have claims.
func (d *Dir) Serve(ids []common.RegistrationID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.served = make(map[common.RegistrationID]bool, len(ids))
	kept := map[common.RegistrationID]bool{}
	for _, id := range ids {
		d.served[id], kept[id] = true, true
	}
	names := map[string]bool{}
	for id := range d.claims {
		kept[id] = true
		names[plain(id.UUID)] = true
	}
	for id := range kept {
		names[filepath.Base(d.named("", id))] = true
	}
	maps.DeleteFunc(d.credentials, func(id common.RegistrationID, _ Credential) bool { return !kept[id] })
	maps.DeleteFunc(d.keys, func(id common.RegistrationID, _ string) bool { return !kept[id] })
	if d.foreign {
		return nil // whose they are is not known
	}
	return errors.Join(d.removeOthers("credentials", names), d.removeOthers("keys", names))
}

// removeOthers also removes what a crash left of a file that was being written.
func (d *Dir) removeOthers(folder string, names map[string]bool) error {
	entries, err := os.ReadDir(filepath.Join(d.root, folder))
	for _, entry := range entries {
		if !names[entry.Name()] {
			err = errors.Join(err, removeIfThere(filepath.Join(d.root, folder, entry.Name())))
		}
	}
	return err
}

// countClaim notes that a claim of the registration is on disk.
func (d *Dir) countClaim(id common.RegistrationID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.claims[id]++
}

// RequestKey gives the key that a registration's FetchTask carries: the same
// one, also after a crash, until RotateKey.
func (d *Dir) RequestKey(id common.RegistrationID) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if key := d.keys[id]; key != "" {
		return key, nil
	}
	for _, path := range []string{d.named("keys", id), d.namedBefore("keys", id.UUID)} {
		data, err := os.ReadFile(path)
		if _, bad := uuid.ParseBytes(data); err == nil && bad == nil {
			d.keys[id] = string(data)
			return d.keys[id], nil
		}
	}
	return d.newKey(id)
}

// RotateKey replaces the key, once what it brought is safe. After an error the
// old one may come back with a restart, and not before: a server that hears it
// again tells its task with a new token, and the job's own is dead.
func (d *Dir) RotateKey(id common.RegistrationID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.newKey(id)
	if err != nil {
		d.keys[id] = uuid.NewString()
	}
	return err
}

func (d *Dir) newKey(id common.RegistrationID) (string, error) {
	key := uuid.NewString()
	if err := atomicfile.WriteNoSync(d.named("keys", id), []byte(key), 0o600); err != nil {
		return "", fmt.Errorf("request key of registration %s: %w", id.UUID, err)
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
