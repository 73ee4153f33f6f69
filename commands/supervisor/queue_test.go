package supervisor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAQueueGivesItsMembersInOrderWhateverHappensToThem(t *testing.T) {
	type member struct{ key, place int }
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		q := newQueue(func(a, b *member) bool { return a.key < b.key }, func(m *member) *int { return &m.place })
		members := make([]*member, 1+random.IntN(60))
		for i := range members {
			members[i] = &member{key: random.IntN(40)}
		}
		for range 300 {
			m := members[random.IntN(len(members))]
			switch random.IntN(3) {
			case 0:
				q.remove(m)
			default: // new, or with another key
				m.key = random.IntN(40)
				q.push(m)
			}
		}
		var want, got []int
		for _, m := range members {
			if q.has(m) {
				want = append(want, m.key)
			}
		}
		slices.Sort(want)
		for m, ok := q.first(); ok; m, ok = q.first() {
			got = append(got, m.key)
			q.remove(m)
		}
		if !slices.Equal(got, want) || q.len() != 0 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}
