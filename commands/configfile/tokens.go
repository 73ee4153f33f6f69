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

// maxTokenBytes bounds a token file: it is not one if it is larger.
const maxTokenBytes = 64 << 10

// resolve fills the tokens in and makes paths absolute.
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
		for _, p := range l.token(r, dir) {
			p.File, p.Runner = file.Path, i
			p.Line = doc.Line(fmt.Sprintf("runners[%d]%s", i, strings.TrimPrefix(p.Key, "runners")))
			file.Problems = append(file.Problems, p)
		}
	}
}

// token resolves one registration's token. It has one of the three keys.
func (l Loader) token(r *common.RunnerConfig, dir string) []common.Problem {
	switch {
	case r.TokenFile != "":
		return l.tokenFile(r, dir)
	case r.TokenEnv != "":
		value := strings.TrimSpace(l.Getenv(r.TokenEnv))
		if value == "" {
			return bad("runners.token_env", "registration %q: the environment variable %s is not set: set it for the runner, or write token or token_file", r.Name, r.TokenEnv)
		}
		r.Token = common.NewSecret(value)
	}
	return nil
}

func (l Loader) tokenFile(r *common.RunnerConfig, dir string) []common.Problem {
	const key = "runners.token_file"
	path, managed, err := l.expand(r.TokenFile, dir)
	if err != nil {
		return bad(key, "registration %q: %v", r.Name, err)
	}
	token, err := ReadToken(path)
	if err != nil {
		return bad(key, "registration %q: %v", r.Name, err)
	}
	r.TokenFile, r.Token = path, token
	if mode, loose := LooseMode(path); loose && !managed {
		return []common.Problem{{
			Key: key, Warning: true,
			Message: fmt.Sprintf("registration %q: mode %04o lets others read the token: chmod 600 %s", r.Name, mode, path),
		}}
	}
	return nil
}

// expand gives the path that a token_file means. managed tells that somebody
// else is in charge of the file's mode.
func (l Loader) expand(path, dir string) (expanded string, managed bool, err error) {
	for _, spelling := range []string{"$" + credentialsVariable, "${" + credentialsVariable + "}"} {
		rest, found := strings.CutPrefix(path, spelling)
		if !found || rest != "" && !os.IsPathSeparator(rest[0]) {
			continue
		}
		credentials := l.Getenv(credentialsVariable)
		if credentials == "" {
			return "", false, fmt.Errorf("token_file %s: $%s is not set: systemd sets it when the unit has LoadCredential=", path, credentialsVariable)
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
func ReadToken(path string) (common.Secret, error) {
	none := common.Secret{}
	info, err := os.Stat(path)
	if err != nil {
		return none, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return none, fmt.Errorf("token file %s is not a regular file: write the token into a file of its own", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return none, unreadable(path, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTokenBytes))
	if err != nil {
		return none, unreadable(path, err)
	}
	token := strings.TrimSpace(string(data))
	switch {
	case token == "":
		return none, fmt.Errorf("token file %s is empty: write the token into it", path)
	case strings.ContainsAny(token, "\r\n\x00"):
		return none, fmt.Errorf("token file %s has more than one line: write nothing but the token into it", path)
	}
	return common.NewSecret(token), nil
}

func unreadable(path string, err error) error {
	what := "give this user the right to read it"
	if errors.Is(err, fs.ErrNotExist) {
		what = "write the token into it, or correct the path"
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("token file %s cannot be read (%w): %s", path, err, what)
}

func bad(key, format string, args ...any) []common.Problem {
	return []common.Problem{{Key: key, Message: fmt.Sprintf(format, args...)}}
}
