package control

import "golang.org/x/sys/windows"

// errRefused is what connecting to a socket gives that nobody listens at.
const errRefused = windows.WSAECONNREFUSED
