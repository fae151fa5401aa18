package main

import "fmt"

const superseded = 4 // RFC 5280, section 5.3.1

// judgeQuota: a batch counts what it has; a replacement takes no place of its own.
func (c *Case) judgeQuota() {
	rows, leaves := map[int]int64{}, map[string]int64{}
	replacements := map[string]int{}
	replaced := map[int]int{}
	for _, device := range c.devices {
		if device.State == "replaced" {
			replaced[device.Batch]++
		} else {
			rows[device.Batch]++
		}
	}
	for i := range c.leaves {
		leaf := &c.leaves[i]
		for _, batch := range leaf.part("b") {
			switch leaf.Ev {
			case "enroll.ok":
				leaves[batch]++
			case "enroll.replace":
				replacements[batch]++
			}
		}
	}
	for _, batch := range c.Batches {
		if batch.Issued != rows[batch.ID] || batch.Issued != leaves[batch.Handle] {
			c.violation("batch %s: says %d issued, has %d devices and %d enroll.ok leaves", batch.Handle,
				batch.Issued, rows[batch.ID], leaves[batch.Handle])
		}
		if replaced[batch.ID] != replacements[batch.Handle] {
			c.violation("batch %s: has %d replaced devices and %d enroll.replace leaves", batch.Handle,
				replaced[batch.ID], replacements[batch.Handle])
		}
	}
}

// judgeStatus: who was told that it is revoked, finds it revoked in every place, and nobody else does.
func (c *Case) judgeStatus() {
	shown := c.shown()
	wanted := map[string]int{} // serial: the reason
	asked := map[string]bool{} // pseudonym
	for i := range c.Held {
		h := &c.Held[i]
		if h.Op == "revoke" && h.Status/100 == 2 {
			asked[h.Pseudonym] = true
		}
	}
	for serial, issued := range c.issued {
		if issued.Row == nil || c.devices[issued.Row.Device] == nil {
			continue
		}
		device := c.devices[issued.Row.Device]
		if asked[device.Pseudonym] {
			wanted[serial] = 1
		}
		if asked[device.Pseudonym] && device.State != "revoked" || !asked[device.Pseudonym] && device.State == "revoked" {
			c.violation("device %d: is %s, and a revocation was answered: %t", device.ID, device.State, asked[device.Pseudonym])
		}
		if device.State == "replaced" {
			wanted[serial] = superseded
		}
	}
	for i := range c.Held {
		h := &c.Held[i]
		if h.Op == "replace" && h.holds() && h.Old != "" && wanted[h.Old] != superseded {
			c.violation("certificate %s: replaced by %s, and its device is not", h.Old, h.Serial)
		}
	}
	for serial, reason := range wanted {
		if s := shown[serial]; s == nil || !s.everywhere(reason) {
			c.violation("certificate %s: should be revoked (reason %d), is %v", serial, reason, s)
		}
	}
	for serial, s := range shown {
		if wanted[serial] == 0 && s.anywhere() {
			c.violation("certificate %s: nobody revoked it, and it is %v", serial, s)
		}
	}
	c.judgeChanges()
	c.judgeTags()
	c.judgeRenewals()
	c.count("certificates revoked or superseded", len(wanted))
}

// Shown is a certificate's status in each of the places that have one.
type Shown struct {
	row, change       int // reason, or -1
	crl, leaf, verify bool
	verdict           string // "": no client holds it, so nobody asked
}

func (s *Shown) everywhere(reason int) bool {
	return s.row == reason && s.change == reason && s.crl && s.leaf && (s.verify || s.verdict == "")
}
func (s *Shown) anywhere() bool {
	return s.row >= 0 || s.change >= 0 || s.crl || s.leaf || s.verify
}
func (s *Shown) String() string {
	return fmt.Sprintf("row %d, change %d, crl %t, leaf %t, verdict %q", s.row, s.change, s.crl, s.leaf, s.verdict)
}

func (c *Case) shown() map[string]*Shown {
	all, handles := map[string]*Shown{}, map[string]*Shown{}
	for serial, issued := range c.issued {
		all[serial] = &Shown{row: -1, change: -1}
		if issued.Row != nil {
			handles[issued.Row.Handle] = all[serial]
		}
	}
	at := func(serial string) *Shown {
		if all[serial] == nil {
			c.violation("certificate %s: it has a status and is not on record", serial)
			all[serial] = &Shown{row: -1, change: -1}
		}
		return all[serial]
	}
	for _, row := range c.Revocations {
		if at(row.Serial.hex()).row >= 0 {
			c.violation("certificate %s: two rows of revocation", row.Serial.hex())
		}
		at(row.Serial.hex()).row = row.Reason
	}
	for _, row := range c.Changes {
		at(row.Serial.hex()).change = row.Reason
		if row.State == "good" {
			at(row.Serial.hex()).change = -1
		}
	}
	for _, entry := range c.CRL.RevokedCertificates {
		at(fmt.Sprintf("%040x", entry.SerialNumber)).crl = true
	}
	for i := range c.leaves {
		leaf := &c.leaves[i]
		if leaf.Ev != "cert.revoke" && leaf.Ev != "cert.supersede" {
			continue
		}
		for _, handle := range leaf.part("h") {
			if handles[handle] == nil {
				c.violation("leaf %d: %s of a certificate that is not on record", leaf.Seq, leaf.Ev)
				continue
			}
			if handles[handle].leaf {
				c.violation("leaf %d: a second %s of the same certificate", leaf.Seq, leaf.Ev)
			}
			handles[handle].leaf = true
		}
	}
	for _, v := range c.Verdicts {
		at(v.Serial).verify = v.Verdict == "revoked"
		at(v.Serial).verdict = v.Verdict
		if v.Verdict != "revoked" && v.Verdict != "good" {
			c.violation("certificate %s: its verdict is %s", v.Serial, v.Verdict)
		}
	}
	for i := range c.Held {
		if h := &c.Held[i]; h.holds() && at(h.Serial).verdict == "" {
			c.violation("certificate %s: a client holds it, and there is no verdict", h.Serial)
		}
	}
	return all
}

// judgeChanges: changes of status have one gapless order, and a revocation is its newest change.
func (c *Case) judgeChanges() {
	newest := map[string]ChangeRow{}
	seen := map[int64]bool{}
	for _, row := range c.Changes {
		if seen[row.Seq] || row.Seq < 1 || row.Seq > int64(len(c.Changes)) {
			c.violation("status change %d: twice, or beyond the %d there are", row.Seq, len(c.Changes))
		}
		seen[row.Seq] = true
		if newest[row.Serial.hex()].Seq < row.Seq {
			newest[row.Serial.hex()] = row
		}
	}
	if len(c.Heads) != 1 || c.Heads[0].Seq != int64(len(c.Changes)) {
		c.violation("status_head says %v, there are %d changes", c.Heads, len(c.Changes))
	}
	for _, row := range c.Revocations {
		if newest[row.Serial.hex()].Seq != row.Seq {
			c.violation("certificate %s: its revocation is of change %d, its newest is %d", row.Serial.hex(), row.Seq,
				newest[row.Serial.hex()].Seq)
		}
	}
}

// judgeTags: a revoked device's hardware is blocked, nobody else's is.
func (c *Case) judgeTags() {
	for _, row := range c.Tags {
		if device := c.devices[row.Device]; device != nil && row.Blocked != (device.State == "revoked") {
			c.violation("tag %s: blocked %t, and its device is %s", row.Tag.hex(), row.Blocked, device.State)
		}
	}
}

// judgeRenewals: a certificate is renewed once, into one of the same device.
func (c *Case) judgeRenewals() {
	seen := map[string]bool{}
	into := map[string]string{}
	for _, row := range c.Renewals {
		old, renewed := c.issued[row.Serial.hex()], c.issued[row.NewSerial.hex()]
		if seen[row.Serial.hex()] {
			c.violation("certificate %s: renewed twice", row.Serial.hex())
		}
		seen[row.Serial.hex()] = true
		into[row.NewSerial.hex()] = row.Serial.hex()
		if old == nil || renewed == nil || old.Row == nil || renewed.Row == nil || old.Row.Device != renewed.Row.Device {
			c.violation("certificate %s: renewed into one that is not its device's", row.Serial.hex())
		}
	}
	for i := range c.Held {
		if h := &c.Held[i]; h.Op == "renew" && h.holds() && into[h.Serial] != h.Old {
			c.violation("certificate %s: a client renewed it into %s, the record says otherwise", h.Old, h.Serial)
		}
	}
	renewals := 0
	for _, issued := range c.issued {
		if issued.Leaf.Ev == "renew.ok" {
			renewals++
			if into[issued.Serial] == "" {
				c.violation("certificate %s: leaf %d is renew.ok, and there is no renewal", issued.Serial, issued.Leaf.Seq)
			}
		}
	}
	if renewals != len(c.Renewals) {
		c.violation("%d renewals, and %d renew.ok leaves", len(c.Renewals), renewals)
	}
	c.count("renewals", renewals)
}
