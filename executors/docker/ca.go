package docker

import (
	"bytes"
	"fmt"
	"os"
)

// Files of caDir.
const (
	caOwn    = "ca.crt"     // tls_ca_file
	caBundle = "bundle.crt" // this machine's certificates and tls_ca_file
)

// systemBundles are where systems keep the certificates that they trust.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// makeCA makes what containers need to trust the instance as the runner does.
func (e *Executor) makeCA(build *os.Root) error {
	if !e.place.ca {
		return nil
	}
	own, err := os.ReadFile(e.spec.TLSCAFile)
	if err != nil {
		return fmt.Errorf("tls_ca_file: %w", err)
	}
	if err := makeOpen(build, caDir); err != nil {
		return err
	}
	all := append(systemCertificates(), own...)
	for name, data := range map[string][]byte{caOwn: own, caBundle: all} {
		if err := build.WriteFile(caDir+"/"+name, data, 0o644); err != nil {
			return err
		}
		if err := build.Chmod(caDir+"/"+name, 0o644); err != nil { // the umask may have taken bits
			return err
		}
	}
	return nil
}

// systemCertificates are those that this machine trusts: variables that name a
// file replace those of an image.
func systemCertificates() []byte {
	for _, path := range systemBundles {
		if data, err := os.ReadFile(path); err == nil {
			return append(bytes.TrimRight(data, "\n"), '\n')
		}
	}
	return nil
}

// caVariables point programs in containers to the certificates.
func (e *Executor) caVariables() []string {
	if !e.place.ca {
		return nil
	}
	return []string{
		"NODE_EXTRA_CA_CERTS=" + jobCA + "/" + caOwn,
		"SSL_CERT_FILE=" + jobCA + "/" + caBundle,
		"GIT_SSL_CAINFO=" + jobCA + "/" + caBundle,
	}
}
