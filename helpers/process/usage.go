package process

// Root is a process whose tree is measured: its pid, and its StartTime, which
// tells it from another process that got the same pid later.
type Root struct {
	PID   int
	Start uint64
}

// Usage is what processes take.
type Usage struct {
	Processes int
	// Bytes of memory that are resident. Pages that several processes share
	// count for each of them.
	Bytes int64
}
