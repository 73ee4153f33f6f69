package mask

// Stream masks bytes that come in pieces, as if they came at once. It holds
// back the end of what it was given as long as that may begin a secret. It is
// for one goroutine at a time; its masker may learn secrets meanwhile.
type Stream struct {
	masker *Masker
	sink   func([]byte)

	layers *[]layer
	at     []int32 // where their matchers are, behind held
	held   []byte  // written, and not yet given to the sink or replaced
	spans  []span  // to replace in held, from its start
	// starred is the end of the last Stars in held, from its start: a secret
	// that begins there or before is part of the same Stars. It is -1 when
	// something else was given to the sink after it.
	starred int
	out     []byte
}

// Stream gives a stream whose masked bytes go to sink. The sink must not keep
// the slice that it gets; it is never an empty one.
func (m *Masker) Stream(sink func([]byte)) *Stream {
	return &Stream{masker: m, sink: sink, starred: -1}
}

// Write takes the next bytes. It never fails.
func (s *Stream) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if layers := s.masker.upToDate(); layers != s.layers {
		s.layers = layers
		s.at = make([]int32, len(*layers)) // root
		s.spans = s.spans[:0]
		s.find(s.held, 0)
	}
	open := s.find(p, len(s.held))
	if len(s.held) == 0 && len(s.spans) == 0 && s.starred < 0 && open <= len(p) {
		// The usual case: nothing to copy but the end.
		s.held = append(s.held, p[len(p)-open:]...)
		s.give(p[:len(p)-open])
		return len(p), nil
	}
	s.held = append(s.held, p...)
	s.release(max(0, len(s.held)-open))
	return len(p), nil
}

// find looks for secrets in what comes next, and gives how much of the end may
// begin one.
func (s *Stream) find(p []byte, offset int) (open int) {
	for i, l := range *s.layers {
		var found []span
		s.at[i], found = find(l.matcher, p, s.at[i], offset, nil)
		s.spans = union(s.spans, found)
		open = max(open, int(l.matcher.nodes[s.at[i]].depth))
	}
	return open
}

// Flush gives what is held back to the sink: there is nothing more to come, or
// it is time to show what there is. Write may go on after it: when the rest of
// a secret follows whose beginning was shown, the rest is masked.
func (s *Stream) Flush() { s.release(len(s.held)) }

// release gives the first n bytes that are held to the sink, masked. Stars for
// a secret that begins there are given whole.
func (s *Stream) release(n int) {
	s.out = s.out[:0]
	from := max(0, s.starred)
	kept := s.spans[:0]
	for _, sp := range s.spans {
		start := max(0, sp.start)
		switch {
		case start >= n:
			kept = append(kept, span{sp.start - n, sp.end - n})
			continue
		case start > s.starred:
			s.out = append(s.out, s.held[from:start]...)
			s.out = append(s.out, Stars...)
		}
		s.starred = max(s.starred, sp.end)
		from = s.starred
	}
	s.spans = kept
	if from < n {
		s.out = append(s.out, s.held[from:n]...)
		s.starred = -1
	}
	if s.starred >= 0 {
		s.starred -= n
	}
	s.held = append(s.held[:0], s.held[n:]...)
	s.give(s.out)
}

func (s *Stream) give(p []byte) {
	if len(p) > 0 {
		s.sink(p)
	}
}
