package sigmask

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

type set struct{ unix.Sigset_t }

// how are the ways to change a mask.
var how = struct{ block, replace int }{unix.SIG_BLOCK, unix.SIG_SETMASK}

// wordBits is how many signals an element of a set holds.
const wordBits = 8 * unsafe.Sizeof(unix.Sigset_t{}.Val[0])

func (s *set) add(sig syscall.Signal) {
	n := uintptr(sig) - 1
	s.Val[n/wordBits] |= 1 << (n % wordBits)
}

// change changes this thread's mask. wanted and before may be nil.
func change(how int, wanted, before *set) error {
	return unix.PthreadSigmask(how, (*unix.Sigset_t)(unsafe.Pointer(wanted)), (*unix.Sigset_t)(unsafe.Pointer(before)))
}
