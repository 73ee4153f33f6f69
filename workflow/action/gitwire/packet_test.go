package gitwire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestOneLineIsShortAndPlain(t *testing.T) {
	for text, want := range map[string]string{
		" a\nb":                  "a",
		"\x1b[31mred\x7f":        "[31mred",
		"\xff":                   "?",
		strings.Repeat("x", 300): strings.Repeat("x", 200) + "…",
	} {
		if got := oneLine(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestServersThatCannotServeAreNamed(t *testing.T) {
	for name, tc := range map[string]struct{ advert, want string }{
		"SHA-256":   {line("version 2") + line("ls-refs") + line("fetch=shallow") + line("object-format=sha256") + "0000", "names objects with sha256"},
		"no fetch":  {line("version 2") + line("ls-refs") + "0000", "it offers no fetch"},
		"no ref":    {line("hello") + "0000", `"hello" is not a ref`},
		"no ID":     {line(strings.Repeat("x", 40)+" refs/x") + "0000", "is not a ref"},
		"truncated": {line("version 2"), errCut.Error()},
	} {
		_, err := readAdvert(&packetReader{r: strings.NewReader(tc.advert)}, true)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestServersWithoutChoiceAreAskedForAll(t *testing.T) {
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 40)
	caps := map[string]bool{"side-band-64k": true, "shallow": true}
	a := &advert{refs: []Ref{{"refs/heads/a", one, ""}, {"refs/heads/b", one, ""}}, caps: caps}
	for id, want := range map[string]string{
		one: "want " + one + " side-band-64k\ndeepen 1\n",
		two: "want " + one + " side-band-64k\n",
	} {
		request, err := a.oldRequest(id)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		p := &packetReader{r: bytes.NewReader(request)}
		for {
			text, kind, err := p.line()
			if err != nil || kind != dataPacket {
				break
			}
			got += text + "\n"
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if _, err := (&advert{caps: caps}).oldRequest(one); !errors.Is(err, ErrNoCommit) {
		t.Errorf("an empty repository: %v", err)
	}
	if _, err := (&advert{}).oldRequest(one); !errors.Is(err, ErrNotGit) {
		t.Errorf("an ancient server: %v", err)
	}
}

// FuzzAnswers holds that no answer makes the readers panic or read on for ever.
func FuzzAnswers(f *testing.F) {
	id := strings.Repeat("a", 40)
	for _, seed := range []string{
		line("version 2") + line("ls-refs") + line("fetch=shallow") + "0000",
		line("# service=git-upload-pack") + "0000" + line(id+" refs/tags/v1\x00shallow side-band-64k") + line(id+" refs/tags/v1^{}") + "0000",
		line(id+" refs/tags/v1 peeled:"+id) + "0000",
		line("shallow-info") + line("shallow "+id) + "0001" + line("packfile") + line("\x01PACK") + line("\x02x") + line("\x03y") + "0000",
		line("shallow "+id) + "0000" + line("NAK") + line("\x01PACK") + "0002", "0003", "zzzz", "0005x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := func() *packetReader { return &packetReader{r: bytes.NewReader(data)} }
		if a, err := readAdvert(in(), true); err == nil && !a.v2 {
			_, _ = a.oldRequest(id)
		}
		_, _ = readList(in())
		for _, start := range []func(*packetReader) (*sideband, error){packOf, oldPackOf} {
			if pack, err := start(in()); err == nil {
				if n, _ := io.Copy(io.Discard, pack); n > int64(len(data)) {
					t.Fatalf("%d bytes out of %d", n, len(data))
				}
			}
		}
	})
}
