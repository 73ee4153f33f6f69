package common

import (
	"errors"
	"strings"
	"testing"
)

func TestAProgramReadsItsOwnVersionAndTheOneBefore(t *testing.T) {
	for _, test := range []struct {
		found, current int
		read           bool
	}{{1, 1, true}, {0, 1, false}, {2, 1, false}, {-1, 1, false}, {1, 2, true}, {2, 2, true}, {0, 2, false}, {3, 2, false}, {1, 3, false}, {2, 3, true}} {
		err := CheckVersion("/s/f", test.found, test.current)
		if (err == nil) != test.read {
			t.Errorf("version %d by a program of %d: %v", test.found, test.current, err)
		}
	}
}

func TestTheRestOfAnotherVersionMayHaveAnyForm(t *testing.T) {
	var into struct{ URL string }
	err := DecodeVersioned("/s/claim.json", []byte(`{"v":9,"url":{"host":"h"}}`), 3, &into)
	var version *VersionError
	if !errors.As(err, &version) || version.Found != 9 || version.Current != 3 {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"/s/claim.json", "version 9", "up to 3"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if err := DecodeVersioned("/s/claim.json", []byte(`{"url":"h"}`), 3, &into); !errors.As(err, &version) {
		t.Errorf("without a version: %v", err)
	}
	if err := DecodeVersioned("/s/claim.json", []byte(`{"v":3,"url":"h"}`), 3, &into); err != nil || into.URL != "h" {
		t.Errorf("%v, %v", into, err)
	}
	if err := DecodeVersioned("f", []byte(`{"v":3,`), 3, &into); err == nil || errors.As(err, &version) {
		t.Errorf("torn: %v", err)
	}
}
