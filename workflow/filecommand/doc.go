// Package filecommand reads the files through which a step hands values to the
// job: GITHUB_ENV, GITHUB_OUTPUT and GITHUB_STATE hold names with values,
// GITHUB_PATH holds directories.
package filecommand
