package supervisor

// queue is a binary heap whose members know their place, so that any of them
// can be taken out. The zero place means: not in the queue.
type queue[T any] struct {
	items  []T
	before func(a, b T) bool
	place  func(T) *int // 1-based
}

func newQueue[T any](before func(a, b T) bool, place func(T) *int) *queue[T] {
	return &queue[T]{before: before, place: place}
}

func (q *queue[T]) len() int { return len(q.items) }

// first gives the member that is before all others.
func (q *queue[T]) first() (item T, ok bool) {
	if len(q.items) == 0 {
		return item, false
	}
	return q.items[0], true
}

func (q *queue[T]) has(item T) bool { return *q.place(item) > 0 }

// push adds a member, or moves one whose order has changed.
func (q *queue[T]) push(item T) {
	if !q.has(item) {
		q.items = append(q.items, item)
		*q.place(item) = len(q.items)
	}
	i := *q.place(item) - 1
	if !q.up(i) {
		q.down(i)
	}
}

// remove takes a member out; one that is not in the queue is left alone.
func (q *queue[T]) remove(item T) {
	if !q.has(item) {
		return
	}
	i, last := *q.place(item)-1, len(q.items)-1
	*q.place(item) = 0
	moved := q.items[last]
	var none T
	q.items[last] = none
	q.items = q.items[:last]
	if i == last {
		return
	}
	q.set(i, moved)
	if !q.up(i) {
		q.down(i)
	}
}

func (q *queue[T]) set(i int, item T) {
	q.items[i] = item
	*q.place(item) = i + 1
}

// up tells whether the member has moved.
func (q *queue[T]) up(i int) bool {
	item, start := q.items[i], i
	for i > 0 {
		parent := (i - 1) / 2
		if !q.before(item, q.items[parent]) {
			break
		}
		q.set(i, q.items[parent])
		i = parent
	}
	q.set(i, item)
	return i != start
}

func (q *queue[T]) down(i int) {
	item := q.items[i]
	for {
		child := 2*i + 1
		if child >= len(q.items) {
			break
		}
		if right := child + 1; right < len(q.items) && q.before(q.items[right], q.items[child]) {
			child = right
		}
		if !q.before(q.items[child], item) {
			break
		}
		q.set(i, q.items[child])
		i = child
	}
	q.set(i, item)
}
