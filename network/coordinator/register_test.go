package coordinator_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

func TestRegistrationTokens(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	old := b.AddRegistrationToken(repo)
	latest := b.AddRegistrationToken(repo)
	other := b.AddRegistrationToken(coordinator.Scope{Owner: "owner"})
	for name, test := range map[string]struct{ token, runner, want string }{
		"latest":         {latest, "n", ""},
		"once more":      {latest, "n", ""}, // no idempotence, no limit
		"other scope":    {other, "n", ""},
		"superseded":     {old, "n", "has been invalidated"},
		"unknown":        {"x", "n", "registration token not found"},
		"without a name": {latest, "", "missing runner token, name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.endpoint.Register(t.Context(), network.RegisterRequest{Token: common.NewSecret(test.token), Name: test.runner})
			if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && network.Classify(err) != network.ClassPermanent {
				t.Errorf("%v is %v", err, network.Classify(err))
			}
		})
	}
	rows := b.Runners()
	if len(rows) != 3 {
		t.Errorf("%d runners", len(rows))
	}
	scopes := []string{rows[0].Scope.String(), rows[1].Scope.String(), rows[2].Scope.String()}
	if slices.Sort(scopes); !slices.Equal(scopes, []string{"owner", "owner/repo", "owner/repo"}) {
		t.Errorf("scopes %v", scopes)
	}
}

func TestLongNamesAreCut(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	registered, err := b.endpoint.Register(t.Context(), network.RegisterRequest{
		Token: common.NewSecret(b.AddRegistrationToken(coordinator.Scope{})), Name: strings.Repeat("ä", 300),
	})
	if err != nil || utf8.RuneCountInString(registered.Name) != 255 || !strings.HasSuffix(registered.Name, "…") {
		t.Errorf("name of %d characters, %v", utf8.RuneCountInString(registered.Name), err)
	}
}

func TestDeclareReplacesAndDoesNotWake(t *testing.T) {
	b := newBench(t, coordinator.Options{Capabilities: []string{"job-summary"}})
	r := b.capable()
	before := b.Version(coordinator.Scope{})
	declared, err := r.Declare(t.Context(), "v2", []string{"a", "b"})
	if err != nil || !declared.Has("job-summary") {
		t.Fatalf("%+v, %v", declared, err)
	}
	row := b.Runners()[0]
	if row.Version != "v2" || !slices.Equal(row.Labels, []string{"a", "b"}) {
		t.Errorf("the server knows %+v", row)
	}
	if b.Version(coordinator.Scope{}) != before {
		t.Error("the version grew")
	}
}
