package expression

// maxMemory bounds what one evaluation may make, in bytes: an expression that
// doubles a string fifty times is short.
const maxMemory = 32 << 20

// valueSize is what a Value takes, in bytes.
const valueSize = 48

// budget is the memory that an evaluation may still take. What it no longer
// uses is not given back.
type budget struct{ left int }

func newBudget() *budget { return &budget{left: maxMemory} }

// spend takes n bytes, or tells that they are not there.
func (b *budget) spend(n int) bool {
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

func (ev *evaluation) tooMuch(pos int) *Error {
	err := ev.fail(pos, "The expression makes more than 32 MiB of data")
	err.Hint = "Use a file for data of this size"
	return err
}
