package bounded

import "testing"

func TestTheFirstBytesAreKept(t *testing.T) {
	for _, test := range []struct {
		writes []string
		kept   string
		over   bool
	}{
		{nil, "", false},
		{[]string{"ab", "cd"}, "abcd", false},
		{[]string{"abcde"}, "abcd", true},
		{[]string{"abc", "de", "f"}, "abcd", true},
		{[]string{"abcd", ""}, "abcd", false},
	} {
		b := Buffer{Most: 4}
		for _, text := range test.writes {
			if n, err := b.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%q: %d, %v", text, n, err)
			}
		}
		if b.String() != test.kept || string(b.Bytes()) != test.kept || b.Over() != test.over {
			t.Errorf("%q: %q, %t", test.writes, b.String(), b.Over())
		}
	}
}
