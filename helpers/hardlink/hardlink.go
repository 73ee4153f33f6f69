// Package hardlink knows files that are in a directory by a hard link, which
// os.Root does not keep out: some systems let users link to files that they may
// not read.
package hardlink

import "io/fs"

// Foreign tells whether a file that was found below a directory may be one of
// somebody else, whom it is not for the directory's owner to have read. It
// matters to a process of root only, and says false to all others, and on
// systems without owners. Both must come from os or os.Root.
func Foreign(dir, file fs.FileInfo) bool { return foreign(dir, file) }
