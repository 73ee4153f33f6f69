package configfile

import "io/fs"

// readableByOthers is never true: modes say nothing about who may read here.
func readableByOthers(string) (fs.FileMode, bool) { return 0, false }
