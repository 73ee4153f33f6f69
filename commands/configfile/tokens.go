package configfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"multirunner/common"
	"multirunner/helpers/tomltext"
)

// credentialsVariable is where systemd's LoadCredential= puts files.
const credentialsVariable = "CREDENTIALS_DIRECTORY"

// maxTokenBytes bounds a token or password file: it is not one if it is larger.
const maxTokenBytes = 64 << 10

// resolve fills the tokens and passwords in and makes paths absolute.
func (l Loader) resolve(file *File, doc *tomltext.Doc) {
	if l.Getenv == nil {
		l.Getenv = os.Getenv
	}
	dir := filepath.Dir(file.Path)
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	broken := file.Config.Broken(file.Problems)
	for i, r := range file.Config.Runners {
		if r.TLSCAFile != "" && !filepath.IsAbs(r.TLSCAFile) {
			r.TLSCAFile = filepath.Join(dir, r.TLSCAFile)
		}
		if broken[i] {
			continue
		}
		for _, s := range secretsOf(r) {
			p := l.resolveSecret(s, dir)
			if p == nil {
				continue
			}
			p.File, p.Runner = file.Path, i
			p.Message = fmt.Sprintf("registration %q: %s", r.Name, p.Message)
			p.Line = doc.Line(fmt.Sprintf("runners[%d].%s%s", i, s.table, strings.TrimPrefix(p.Key, s.key)))
			p.Key = "runners." + s.shown + strings.TrimPrefix(p.Key, s.key)
			file.Problems = append(file.Problems, *p)
		}
	}
}

// secret is a secret of a registration, which is in one of three keys: KEY
// itself, KEY_file and KEY_env.
type secret struct {
	key       string // token
	table     string // where it stands, with the position in arrays: docker.registries[0].password
	shown     string // the same without
	value     *common.Secret
	file, env *string
}

func secretsOf(r *common.RunnerConfig) []secret {
	secrets := []secret{{"token", "token", "token", &r.Token, &r.TokenFile, &r.TokenEnv}}
	for i := range r.Docker.Registries {
		registry := &r.Docker.Registries[i]
		secrets = append(secrets, secret{
			"password", fmt.Sprintf("docker.registries[%d].password", i), "docker.registries.password",
			&registry.Password, &registry.PasswordFile, &registry.PasswordEnv,
		})
	}
	return secrets
}

// resolveSecret fills one secret in. Its problem has the bare key.
func (l Loader) resolveSecret(s secret, dir string) *common.Problem {
	switch {
	case *s.file != "":
		return l.secretFile(s, dir)
	case *s.env != "":
		value := strings.TrimSpace(l.Getenv(*s.env))
		if value == "" {
			return bad(s.key+"_env", "the environment variable %s is not set: set it for the runner, or write %s or %s_file", *s.env, s.key, s.key)
		}
		*s.value = common.NewSecret(value)
	}
	return nil
}

func (l Loader) secretFile(s secret, dir string) *common.Problem {
	key := s.key + "_file"
	path, managed, err := l.expand(key, *s.file, dir)
	if err != nil {
		return bad(key, "%v", err)
	}
	value, err := readSecret(s.key, path)
	if err != nil {
		return bad(key, "%v", err)
	}
	*s.file, *s.value = path, value
	if mode, loose := LooseMode(path); loose && !managed {
		return &common.Problem{
			Key: key, Warning: true,
			Message: fmt.Sprintf("mode %04o lets others read the %s: chmod 600 %s", mode, s.key, path),
		}
	}
	return nil
}

// expand gives the path that a token_file or password_file means. managed tells that somebody
// else is in charge of the file's mode.
func (l Loader) expand(key, path, dir string) (expanded string, managed bool, err error) {
	for _, spelling := range []string{"$" + credentialsVariable, "${" + credentialsVariable + "}"} {
		rest, found := strings.CutPrefix(path, spelling)
		if !found || rest != "" && !os.IsPathSeparator(rest[0]) {
			continue
		}
		credentials := l.Getenv(credentialsVariable)
		if credentials == "" {
			return "", false, fmt.Errorf("%s %s: $%s is not set: systemd sets it when the unit has LoadCredential=", key, path, credentialsVariable)
		}
		return filepath.Join(credentials, rest), true, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return path, strings.HasPrefix(path, "/run/secrets/"), nil // of a container engine
}

// ReadToken reads a file that holds nothing but a token. White space around
// it is dropped. The error names the file and says what to do.
func ReadToken(path string) (common.Secret, error) { return readSecret("token", path) }

// readSecret reads a file that holds nothing but what it names.
func readSecret(what, path string) (common.Secret, error) {
	none := common.Secret{}
	info, err := os.Stat(path)
	if err != nil {
		return none, unreadable(what, path, err)
	}
	if !info.Mode().IsRegular() {
		return none, fmt.Errorf("%[1]s file %[2]s is not a regular file: write the %[1]s into a file of its own", what, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return none, unreadable(what, path, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTokenBytes))
	if err != nil {
		return none, unreadable(what, path, err)
	}
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return none, fmt.Errorf("%[1]s file %[2]s is empty: write the %[1]s into it", what, path)
	case strings.ContainsAny(text, "\r\n\x00"):
		return none, fmt.Errorf("%[1]s file %[2]s has more than one line: write nothing but the %[1]s into it", what, path)
	}
	return common.NewSecret(text), nil
}

func unreadable(what, path string, err error) error {
	toDo := "give this user the right to read it"
	if errors.Is(err, fs.ErrNotExist) {
		toDo = fmt.Sprintf("write the %s into it, or correct the path", what)
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s file %s cannot be read (%w): %s", what, path, err, toDo)
}

func bad(key, format string, args ...any) *common.Problem {
	return &common.Problem{Key: key, Message: fmt.Sprintf(format, args...)}
}
