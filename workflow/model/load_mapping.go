package model

import "go.yaml.in/yaml/v4"

// entry is a key of a mapping with its value.
type entry struct{ key, value *cleaned }

// cleanMapping replaces merge keys: a mapping's own keys win over merged ones,
// and of merged mappings the first one wins.
func (c *cleaner) cleanMapping(n *yaml.Node, got *cleaned) error {
	if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != tagMap {
		return c.errorf(n, "tag %s on a mapping", n.ShortTag())
	}
	own := make(map[string]int, len(n.Content)/2) // key → line
	var merged *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			if merged != nil {
				return c.errorf(n.Content[i], "a second << in one mapping, give one << a list instead")
			}
			merged = n.Content[i+1]
			continue
		}
		e, err := c.cleanEntry(n.Content[i], n.Content[i+1])
		if err != nil {
			return err
		}
		name := e.key.node.Value
		if line, twice := own[name]; twice {
			return c.errorf(n.Content[i], "key %q stands here again, it is already in line %d", name, line)
		}
		own[name] = n.Content[i].Line
		if err := c.append(got, e, n.Content[i]); err != nil {
			return err
		}
	}
	if merged == nil {
		return nil
	}
	return c.merge(got, own, merged)
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Style == 0 && key.Value == "<<"
}

func (c *cleaner) cleanEntry(key, value *yaml.Node) (entry, error) {
	k, err := c.clean(key)
	if err != nil {
		return entry{}, err
	}
	if k.node.Kind != yaml.ScalarNode {
		return entry{}, c.errorf(key, "a key must be a text, this one is %s", kindName(k.node))
	}
	v, err := c.clean(value)
	if err != nil {
		return entry{}, err
	}
	return entry{k, v}, nil
}

// append adds an entry to a mapping and holds the bounds.
func (c *cleaner) append(got *cleaned, e entry, at *yaml.Node) error {
	got.node.Content = append(got.node.Content, e.key.node, e.value.node)
	got.add(e.key)
	got.add(e.value)
	return c.check(at, got)
}

// merge adds what the mapping does not have yet of the value of a merge key: a
// mapping or a list of mappings.
func (c *cleaner) merge(got *cleaned, have map[string]int, value *yaml.Node) error {
	source, err := c.clean(value)
	if err != nil {
		return err
	}
	parts := []*yaml.Node{source.node}
	if source.node.Kind == yaml.SequenceNode {
		parts = source.node.Content
	}
	for _, part := range parts {
		if part.Kind != yaml.MappingNode {
			return c.errorf(value, "<< takes a mapping or a list of mappings, not %s", kindName(part))
		}
		for i := 0; i+1 < len(part.Content); i += 2 {
			name := part.Content[i].Value
			if _, known := have[name]; known {
				continue
			}
			have[name] = part.Content[i].Line
			e := entry{measure(part.Content[i]), measure(part.Content[i+1])}
			if err := c.append(got, e, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure counts a part that is merged. Parts are within the bounds already.
func measure(n *yaml.Node) *cleaned {
	got := &cleaned{node: n, nodes: 1, text: len(n.Value)}
	for _, child := range n.Content {
		got.add(measure(child))
	}
	return got
}

// kindName says in words what a node is.
func kindName(n *yaml.Node) string {
	switch {
	case n == nil:
		return "nothing"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Tag == tagNull:
		return "empty"
	case n.Tag == tagBool:
		return "a boolean"
	case n.Tag == tagInt || n.Tag == tagFloat:
		return "a number"
	}
	return "a text"
}
