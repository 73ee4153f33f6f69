package service

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plistTexts gives the texts of a plist, in order; a boolean is its name.
func plistTexts(t *testing.T, text string) []string {
	t.Helper()
	var texts []string
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "true" || token.Name.Local == "false" {
				texts = append(texts, token.Name.Local)
			}
		case xml.CharData:
			if s := string(token); strings.TrimSpace(s) != "" {
				texts = append(texts, s)
			}
		}
	}
}

func TestPathsMeanThemselvesInTheLaunchdJob(t *testing.T) {
	spec := hostileSpec()
	spec.Config = `/Users/a <b> & "c"/{{Name}}/config.toml`
	text, err := plistText(spec)
	if err != nil {
		t.Fatal(err)
	}
	texts := plistTexts(t, text)
	at := slices.Index(texts, "ProgramArguments")
	want := []string{spec.Program, "run", "--config", spec.Config, "--working-directory", spec.StateDir, "UserName", spec.User, "RunAtLoad", "true", "KeepAlive", "true"}
	if at < 0 || len(texts) < at+1+len(want) {
		t.Fatalf("got %q", texts)
	}
	if diff := cmp.Diff(want, texts[at+1:at+1+len(want)]); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(text, "{") {
		t.Errorf("the library would take this for a template:\n%s", text)
	}
}

func TestTheLaunchdJobDrainsAndLeavesJobsAlone(t *testing.T) {
	spec := plainSpec()
	spec.User = ""
	text, err := plistText(spec)
	if err != nil {
		t.Fatal(err)
	}
	texts := plistTexts(t, text)
	for key, want := range map[string]string{"Label": "runner", "ExitTimeOut": "86400", "AbandonProcessGroup": "true", "StandardErrorPath": "/var/log/runner.log"} {
		if at := slices.Index(texts, key); at < 0 || texts[at+1] != want {
			t.Errorf("%s is not %s in %q", key, want, texts)
		}
	}
	if slices.Contains(texts, "UserName") {
		t.Error("UserName without a user")
	}
}

func TestValuesThatNoLaunchdJobCanHoldAreRefused(t *testing.T) {
	for _, change := range []func(*Spec){
		func(s *Spec) { s.Program = "/a\x01" },
		func(s *Spec) { s.User = "a\nb" },
	} {
		spec := plainSpec()
		change(&spec)
		if _, err := plistText(spec); err == nil {
			t.Errorf("%+v is taken", spec)
		}
	}
}
