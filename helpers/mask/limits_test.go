package mask

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// random gives a text of many signs, none of which is white space.
func random(n int, seed uint64) string {
	source := rand.New(rand.NewPCG(seed, 1))
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('!' + source.IntN('~'-'!'+1))
	}
	return string(text)
}

func TestLargeValuesAreMaskedInTheFormsThatTheyArePrintedIn(t *testing.T) {
	value := random(40_000, 1)
	m := New()
	if got := m.Add(value); got != Whole {
		t.Errorf("extent %d", got)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{
		"as it is": value, "base64": base64.StdEncoding.EncodeToString([]byte(value)), "JSON": string(quoted[1 : len(quoted)-1]),
	} {
		// The last sign or two of base64 depend on what follows, and show nothing.
		if got := strings.TrimRight(m.Mask("<"+text+">"), "="); !strings.HasPrefix(got, "<***") || len(got) > 8 {
			t.Errorf("%s: %d bytes: %.40q", form, len(got), got)
		}
	}
}

func TestHugeValuesAreMaskedAsTheyAre(t *testing.T) {
	line, short := random(someForms+1, 2), random(30, 3)
	m := New()
	if got := m.Add(line + "\n" + short + "\n"); got != Plain {
		t.Errorf("extent %d", got)
	}
	if got := m.Mask("a " + line + " b " + short + " c " + base64.StdEncoding.EncodeToString([]byte(short))); got != "a *** b *** c ***" {
		t.Errorf("got %.80q", got)
	}
}

func TestMemoryForMasksIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := New()
	plain, refused := 0, 0
	for i := range 300 {
		value := random(50_000, uint64(i)+10)
		switch m.Add(value) {
		case Plain:
			plain++
			if i%10 == 0 && m.Mask(value) != Stars {
				t.Fatalf("value %d is not masked", i)
			}
		case None:
			refused++
		}
	}
	if plain < 50 || refused < 40 {
		t.Errorf("of 300 values %d have no other form, %d are refused", plain, refused)
	}
	if got := m.Add("short"); got == Whole {
		t.Error("there is room for forms")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 512<<20 {
		t.Errorf("%d MiB are used", used>>20)
	} else {
		t.Logf("%d MiB are used", used>>20)
	}
	runtime.KeepAlive(m)
}

func TestAValueThatIsKnownIsTakenHoweverManyThereAre(t *testing.T) {
	m := New()
	m.Add("known-value")
	for i := range 300 {
		m.Add(random(50_000, uint64(i)))
	}
	if got := m.Add("known-value"); got != Whole {
		t.Errorf("extent %d", got)
	}
	if got := m.Add(fmt.Sprintf("another %s", random(100_000, 9999))); got != None {
		t.Errorf("extent %d", got)
	}
}
