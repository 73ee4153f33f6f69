package coordinator

import "testing"

func FuzzPayloadSteps(f *testing.F) {
	f.Add([]byte("jobs:\n  a:\n    steps:\n      - run: |\n          x\n          y\n      -\n      - uses: z\n"))
	f.Add([]byte("jobs: [a]"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, step := range payloadSteps(payload) {
			_ = step.display()
		}
	})
}

func FuzzRuntimeToken(f *testing.F) {
	s := New(Options{})
	f.Add("a.b.c")
	f.Add("..")
	f.Add("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x")
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := s.verifyToken(token); err == nil {
			t.Errorf("accepted %q as %+v", token, c)
		}
	})
}
