package jobsock

import "multirunner/helpers/unixsocket"

// tempPrefix begins the names of the directories for sockets whose own path
// is too long.
const tempPrefix = "runner-job-"

// RemoveStray removes a socket that a killed job process left outside of its
// directory. Sockets inside go with the directory: it leaves them alone.
func RemoveStray(path string) error { return unixsocket.RemoveStray(path, tempPrefix) }
