// Package matcher finds the problems that tools report in their output, by
// problem matchers: regular expressions that a step registers with
// ::add-matcher::FILE, as the actions/setup-* do.
//
// It knows texts only: who reads the files and shows the problems is up to the
// caller. What matches what is as on GitHub's runner (IssueMatcher.cs,
// OutputManager.cs, docs/adrs/0276-problem-matchers.md).
package matcher
