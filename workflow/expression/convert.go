package expression

// FromAny gives the value of Go data.
func FromAny(any) Value { return Null }

// ToAny gives the value as Go data.
func (v Value) ToAny() any { return nil }

// JSON gives the value as toJSON prints it.
func (v Value) JSON() string { return "" }

// Equal is the == of the language.
func (v Value) Equal(other Value) bool { return v == other }
