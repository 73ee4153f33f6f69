package common

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestASecretIsNeverFormatted(t *testing.T) {
	const text = "hunter2"
	secret := NewSecret(text)
	type config struct {
		Token   Secret
		Pointer *Secret
		hidden  Secret
		list    []Secret
	}
	value := config{secret, &secret, secret, []Secret{secret}}
	var out strings.Builder
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, format+"\n", secret)
		fmt.Fprintf(&out, format+"\n", value)
		fmt.Fprintf(&out, format+"\n", &value)
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	if err := toml.NewEncoder(&out).Encode(value); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, text) || strings.Contains(got, fmt.Sprintf("%x", text)) {
		t.Errorf("the secret is in\n%s", got)
	}
	if secret.Reveal() != text || secret.IsZero() || !(Secret{}).IsZero() || (Secret{}).String() != "" {
		t.Error("Reveal, IsZero or String of nothing")
	}
	if secret != NewSecret(string([]byte(text))) || secret == NewSecret("other") || NewSecret("") != (Secret{}) {
		t.Error("secrets are not compared by their text")
	}
}

func TestParseLabel(t *testing.T) {
	for text, want := range map[string]Label{
		"linux":                      {Name: "linux"},
		"linux:host":                 {Name: "linux", Scheme: "host"},
		"node:docker://node:22":      {Name: "node", Scheme: "docker", Arg: "node:22"},
		"n:docker://reg:5000/a/b@x":  {Name: "n", Scheme: "docker", Arg: "reg:5000/a/b@x"},
		"pool:linux":                 {Name: "pool:linux"},
		"pool:linux:host":            {Name: "pool:linux:host"},
		"ubuntu-latest:dokcer://x:1": {Name: "ubuntu-latest:dokcer://x:1"},
	} {
		got, err := ParseLabel(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: got %+v (%s), %v", text, got, got, err)
		}
	}
	for _, bad := range []string{"", " a", "a ", ":host", ":docker://x", "a:host:x", "a:docker", "a:docker:x", "a:docker://"} {
		if got, err := ParseLabel(bad); err == nil {
			t.Errorf("%q is taken as %+v", bad, got)
		}
	}
}

func FuzzParseLabel(f *testing.F) {
	for _, seed := range []string{"a", "a:host", "a:docker://b:c", "a:b:c", ":", "a:host:", "a:docker:////"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		label, err := ParseLabel(text)
		if err != nil {
			return
		}
		if again, err := ParseLabel(label.String()); err != nil || again != label || label.Name == "" {
			t.Fatalf("%q: %+v, again %+v, %v", text, label, again, err)
		}
	})
}

func TestNormalizeURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://git.example.org":        "https://git.example.org",
		"https://git.example.org/":       "https://git.example.org",
		" HTTPS://Git.Example.org:443//": "https://git.example.org",
		"http://x:80/Sub/":               "http://x/Sub",
		"http://x:8080":                  "http://x:8080",
		"https://x:80":                   "https://x:80",
		"https://[::1]:443/a":            "https://[::1]/a",
		"https://u:p@x/?q#f":             "https://x",
		"not a url/":                     "not a url",
	} {
		if got := NormalizeURL(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if a, b := ServerHash("https://X:443/"), ServerHash("https://x"); a != b || len(a) != 12 || a == ServerHash("https://y") {
		t.Errorf("hashes %s, %s", a, b)
	}
}
