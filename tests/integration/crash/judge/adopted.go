package main

// judgeAdoptions: what a log that lives adopted was recorded in one that is retired; its row and its leaf
// are one, speak of the same certificate, and no two logs that live have adopted the same. It takes the
// leaves out, as judgeBody does. That each is signed, or given up, was judged with the bodies.
func (c *Case) judgeAdoptions(leaves map[string]*Leaf) {
	gone := map[int]bool{}
	for _, log := range c.Logs {
		gone[log.ID] = log.Gone != nil
	}
	adopter := map[string]int{}
	for _, row := range c.Adoptions {
		name := row.Serial.hex()
		issued := c.issued[name]
		if issued == nil {
			c.violation("certificate %s: adopted, and it has no body", name)
			continue
		}
		leaf := leaves[commitment(row.Nonce, issued.TBS)]
		if leaf == nil {
			c.violation("certificate %s: adopted, and no leaf commits to that", name)
			continue
		}
		delete(leaves, leaf.C)
		if leaf.Ev != "cert.adopt" || leaf.Log != row.Log || leaf.Seq != row.Seq || leaf.Sub != issued.Leaf.Sub {
			c.violation("certificate %s: adopted by leaf %d of log %d, its row says otherwise", name, leaf.Seq, leaf.Log)
		}
		if !gone[issued.Leaf.Log] {
			c.violation("certificate %s: adopted from a log that is not retired", name)
		}
		if gone[row.Log] {
			continue
		}
		if other, is := adopter[name]; is {
			c.violation("certificate %s: adopted by the logs %d and %d", name, other, row.Log)
		}
		adopter[name] = row.Log
	}
	c.count("  of them adopted", len(adopter))
}
