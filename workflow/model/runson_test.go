package model

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunsOnTakesAllForms(t *testing.T) {
	contexts := map[string]any{"matrix": map[string]any{"os": "linux", "list": []any{"a", 1}, "none": nil,
		"object": map[string]any{"group": "g", "labels": []any{"a"}}}}
	for source, want := range map[string]Target{
		"linux":                             {Labels: []string{"linux"}},
		"22.10":                             {Labels: []string{"22.10"}},
		"[a, b]":                            {Labels: []string{"a", "b"}},
		"[self-hosted, '${{ matrix.os }}']": {Labels: []string{"self-hosted", "linux"}},
		"${{ matrix.os }}":                  {Labels: []string{"linux"}},
		"${{ matrix.os }}-big":              {Labels: []string{"linux-big"}},
		"${{ matrix.list }}":                {Labels: []string{"a", "1"}},
		"{group: g, labels: a}":             {Group: "g", Labels: []string{"a"}},
		"{group: g, labels: [a, b]}":        {Group: "g", Labels: []string{"a", "b"}},
		"{labels: '${{ matrix.list }}'}":    {Labels: []string{"a", "1"}},
		"{group: '${{ matrix.os }}'}":       {Group: "linux"},
		"${{ matrix.object }}":              {Group: "g", Labels: []string{"a"}},
		"":                                  {},
	} {
		w := parse(t, block("runs-on: "+source, "steps: [{run: x}]"))
		got, err := w.Jobs[0].EvalRunsOn(scope(contexts))
		if err != nil {
			t.Errorf("%s: %v", source, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
	for source, want := range map[string]string{
		"${{ matrix.none }}":                `runs-on: the expression gives a label that is not a text or is empty`,
		"['']":                              `runs-on[0]: a label must not be empty`,
		"[a, '${{ matrix.list }}']":         `runs-on[1]: must be a text, the expression gives a value of type Array`,
		"{labels: '${{ matrix.object }}'}":  `runs-on.labels: must give a label or a list of labels, not a value of type Object`,
		"${{ fromJSON('{\"group\":[]}') }}": `runs-on: group must be a text, not a value of type Array`,
		"${{ nothing.x }}":                  `x.yml:4: job "a": runs-on: `,
	} {
		w := parse(t, block("runs-on: "+source, "steps: [{run: x}]"))
		if _, err := w.Jobs[0].EvalRunsOn(scope(contexts)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q", source, err, want)
		}
	}
}
