package action

import (
	"strings"
	"testing"
)

func TestUsesIsParsed(t *testing.T) {
	const sha = "11bd71901bbe5b1630ceea73d27597364c9af683"
	for text, want := range map[string]Reference{
		"actions/checkout@v4":                     {Name: "actions/checkout", Ref: "v4"},
		" actions/checkout@v4\n":                  {Name: "actions/checkout", Ref: "v4"},
		"actions/checkout@" + sha:                 {Name: "actions/checkout", Ref: sha},
		"a/b/c/d@feature/x":                       {Name: "a/b", Path: "c/d", Ref: "feature/x"},
		"a/b/@v1":                                 {Name: "a/b", Ref: "v1"},
		"a/b@pkg@1.0":                             {Name: "a/b", Ref: "pkg@1.0"},
		"a/b.git@v1":                              {Name: "a/b.git", Ref: "v1"},
		"a/b@refs/tags/v1":                        {Name: "a/b", Ref: "refs/tags/v1"},
		"https://gitea.com/actions/checkout@v4":   {Base: "https://gitea.com", Name: "actions/checkout", Ref: "v4"},
		"HTTPS://Gitea.COM:443/a/b@v4":            {Base: "https://gitea.com", Name: "a/b", Ref: "v4"},
		"http://127.0.0.1:3000/a/b/sub@main":      {Base: "http://127.0.0.1:3000", Name: "a/b", Path: "sub", Ref: "main"},
		"http://[::1]:3000/a/b@main":              {Base: "http://[::1]:3000", Name: "a/b", Ref: "main"},
		"https://[::1]:443/a/b@main":              {Base: "https://[::1]", Name: "a/b", Ref: "main"},
		"https://lab.example/g/sub/p.git/act@v1":  {Base: "https://lab.example", Name: "g/sub/p.git", Path: "act", Ref: "v1"},
		"https://lab.example/g/p.git/x.git@v1":    {Base: "https://lab.example", Name: "g/p.git", Path: "x.git", Ref: "v1"},
		"ssh://git@host/a/b@v1":                   {Base: "ssh://git@host", Name: "a/b", Ref: "v1"},
		"ssh://git@host:2222/a/b/c@v1":            {Base: "ssh://git@host:2222", Name: "a/b", Path: "c", Ref: "v1"},
		"ssh://host:22/a/b@v1":                    {Base: "ssh://host", Name: "a/b", Ref: "v1"},
		"git@github.com:a/b@v1":                   {Base: "git@github.com:", Name: "a/b", Ref: "v1"},
		"git@github.com:a/b.git/c@x@y":            {Base: "git@github.com:", Name: "a/b.git", Path: "c", Ref: "x@y"},
		"./.github/actions/x":                     {Kind: Local, Path: ".github/actions/x"},
		"./":                                      {Kind: Local},
		".":                                       {Kind: Local},
		"./a/../my action@1":                      {Kind: Local, Path: "my action@1"},
		"docker://alpine:3.20":                    {Kind: Docker, Image: "alpine:3.20"},
		"docker://ghcr.io/a/b@sha256:" + sha[:32]: {Kind: Docker, Image: "ghcr.io/a/b@sha256:" + sha[:32]},
	} {
		got, err := ParseUses(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v\nwant %+v", text, got, err, want)
			continue
		}
		again, err := ParseUses(got.String())
		if err != nil || again != got {
			t.Errorf("%q is written %q, which is %+v, %v", text, got.String(), again, err)
		}
	}
}

func TestUsesIsRefusedWithTheReason(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "is empty; write owner/repo@ref",
		"actions/checkout":                "has no @ref: say which branch, tag or commit to use, as in actions/checkout@v1",
		"actions/checkout@":               "has no @ref",
		"checkout@v4":                     "names no repository",
		"@v1":                             "names no repository",
		"a//b@v1":                         `"" cannot be part of the path`,
		"a/b/../../c@v1":                  `".." cannot be part of the path`,
		"a/../b@v1":                       `".." cannot be part of the path`,
		"a/b c@v1":                        `" " cannot be part of it`,
		"a/b@v 1":                         `" " cannot be part of it`,
		`a\b@v1`:                          `"\\" cannot be part of it`,
		"./a\nb":                          `"\n" cannot be part of it`,
		"a/b@${{ github.sha }}":           "expressions are not evaluated here",
		"a/b@-x":                          `"-x" is not the name of a branch or tag`,
		"a/b@a..b":                        `"a..b" is not the name`,
		"a/b@v1.lock":                     "is not the name",
		"a/b@refs/.hidden":                "is not the name",
		"a/b@x^{}":                        "is not the name",
		"a/b@" + strings.Repeat("x", 300): "is not the name",
		"-a/b@v1":                         `"-a" is not the name of an owner`,
		"ä/b@v1":                          `"ä" is not the name of an owner`,
		"../x":                            "leads out of the workspace",
		"./a/../../x":                     "leads out of the workspace",
		"..":                              "leads out of the workspace",
		"/etc/x@v1":                       "is an absolute path",
		"docker://":                       "names no image",
		"docker://-v":                     "names no image",
		"file:///srv/a/b@v1":              "not fetched over file",
		"git://host/a/b@v1":               "not fetched over git",
		"https:///a/b@v1":                 `"" is not the name of a host`,
		"https://host/a@v1":               "names no repository",
		"https://host:99999/a/b@v1":       `"99999" is not a port`,
		"https://ho_st%41/a/b@v1":         "is not the name of a host",
		"https://host?x/a/b@v1":           "is not the name of a host",
		"https://u:secret@host/a/b@v1":    "holds a user name or password",
		"https://secret@host/a/b@v1":      "holds a user name or password",
		"ssh://git:secret@host/a/b@v1":    "holds a user name or password",
		"ssh://-oProxyCommand=x/a/b@v1":   "is not the name of a host",
		"ssh://-l@host/a/b@v1":            `"-l" is not the name of a user`,
		"git@-oProxyCommand:a/b@v1":       "is not the name of a host",
		"git@host:a/b":                    "has no @ref",
		"a/b/" + strings.Repeat("x/", 300) + "@v1": "is longer than 500 bytes",
	} {
		got, err := ParseUses(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v\nwant %s", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the password: %v", text, err)
		}
	}
}

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{
		"a/b/c@v1":                 "https://github.com/a/b",
		"https://host/a/b/c@v1":    "https://host/a/b",
		"ssh://git@host:22/a/b@v1": "ssh://git@host/a/b",
		"git@host:a/b/c@v1":        "git@host:a/b",
	} {
		r, err := ParseUses(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.URL("https://github.com/"); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestPinnedIsAFullCommit(t *testing.T) {
	const sha = "11bd71901bbe5b1630ceea73d27597364c9af683"
	for ref, want := range map[string]bool{sha: true, strings.ToUpper(sha): true, sha[:39]: false, "v4": false, sha + "0": false} {
		if got := (Reference{Name: "a/b", Ref: ref}).Pinned(); got != want {
			t.Errorf("%s: got %v", ref, got)
		}
	}
}

func TestAnInstanceBelowAPathHasItsOwnRepositories(t *testing.T) {
	for _, tc := range []struct{ uses, instance, name, path, url string }{
		{"https://host/git/a/b/c@v1", "https://HOST:443/git/", "a/b", "c", "https://host/git/a/b"},
		{"https://host/git/a/b@v1", "https://host/git", "a/b", "", "https://host/git/a/b"},
		{"https://host/git/a@v1", "https://host/git", "git/a", "", "https://host/git/a"},
		{"https://host/a/b/c@v1", "https://host", "a/b", "c", "https://host/a/b"},
		{"https://other/git/a/b@v1", "https://host/git", "git/a", "b", "https://other/git/a"},
		{"http://host/git/a/b@v1", "https://host/git", "git/a", "b", "http://host/git/a"},
		{"https://host/git/a.git/b@v1", "https://host/git", "git/a.git", "b", "https://host/git/a.git"},
		{"a/b/c@v1", "https://host/a", "a/b", "c", "https://x/a/b"},
	} {
		r, err := ParseUses(tc.uses)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Under(tc.instance)
		if got.Name != tc.name || got.Path != tc.path || got.URL("https://x") != tc.url {
			t.Errorf("%s under %s: got %+v", tc.uses, tc.instance, got)
		}
	}
}

func FuzzParseUses(f *testing.F) {
	for _, seed := range []string{
		"actions/checkout@v4", "https://h:1/a/b.git/c@v", "git@h:a/b@v", "ssh://u@h:1/a/b@v", "./x/../y", "docker://a:b@sha256:0", "@", "a@b:c/d@e", "https://[::1]/a/b@c", "x://@",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseUses(text)
		if err != nil {
			return
		}
		again, err := ParseUses(r.String())
		if err != nil || again != r {
			t.Fatalf("%q gives %+v, written %q, which gives %+v, %v", text, r, r.String(), again, err)
		}
		for _, part := range strings.Split(r.Path+"/"+r.Name, "/") {
			if part == ".." {
				t.Fatalf("%q leads upwards: %+v", text, r)
			}
		}
		if strings.HasPrefix(r.Path, "/") || strings.HasPrefix(r.Base, "-") || strings.ContainsAny(r.URL("https://h"), " '\"\\\n$`") {
			t.Fatalf("%q gives %+v", text, r)
		}
	})
}
