package sigmask

import (
	"syscall"
	"unsafe"
)

// set is sigset_t of <sys/signal.h>.
type set uint32

// how are the ways to change a mask, of <sys/signal.h>.
var how = struct{ block, replace int }{1, 3}

func (s *set) add(sig syscall.Signal) { *s |= 1 << (uint(sig) - 1) }

// change changes this thread's mask. wanted and before may be nil.
func change(how int, wanted, before *set) error {
	_, _, errno := syscall.RawSyscall(syscall.SYS___PTHREAD_SIGMASK, uintptr(how), uintptr(unsafe.Pointer(wanted)), uintptr(unsafe.Pointer(before)))
	if errno != 0 {
		return errno
	}
	return nil
}
