package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
)

// holds: this answer gave the client a certificate.
func (h *Held) holds() bool { return h.Certificate != "" && h.Status/100 == 2 }

func (c *Case) deviceCA() *x509.Certificate {
	for _, row := range c.Issuers {
		if row.Kind == "device-ca" {
			if certificate, err := x509.ParseCertificate(row.Certificate); err == nil {
				return certificate
			}
		}
	}
	c.violation("there is no Device CA")
	return nil
}

// judgeHeld: what a client holds is on record, octet for octet, and every request got an answer.
func (c *Case) judgeHeld() {
	authority := c.deviceCA()
	certificates, retried, replayed, resigned := 0, 0, 0, 0
	for i := range c.Held {
		held := &c.Held[i]
		if held.Attempts > 1 {
			retried++
		}
		if held.Op != "again" && held.holds() && held.Status == 200 {
			replayed++
		}
		switch {
		case held.Op == "fault":
			c.violation("%s was answered with %d %s", held.Path, held.Status, held.Code)
		case held.Op == "abandoned" || held.Op == "again":
		case held.Status == 0:
			c.violation("request %s (%s): never answered", held.ID, held.Op)
		case held.Status/100 != 2:
			c.violation("request %s (%s): refused with %d %s", held.ID, held.Op, held.Status, held.Code)
		}
		if held.holds() && authority != nil {
			certificates++
			if c.judgeCertificate(held, authority) {
				resigned++
			}
		}
	}
	c.count("answers that clients hold", len(c.Held))
	c.count("  of them only after a retry", retried)
	c.count("  of them with a certificate", certificates)
	c.count("  of them with the certificate that an earlier attempt had recorded", replayed)
	c.count("  of them signed twice (the same certificate, another signature)", resigned)
}

// judgeCertificate says whether it bears another signature than the one on record.
func (c *Case) judgeCertificate(held *Held, authority *x509.Certificate) bool {
	block, _ := pem.Decode([]byte(held.Certificate))
	if block == nil {
		c.violation("request %s: no certificate in its answer", held.ID)
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		c.violation("request %s: %v", held.ID, err)
		return false
	}
	if err := certificate.CheckSignatureFrom(authority); err != nil {
		c.violation("certificate %s: what the client holds is not signed by the Device CA", held.Serial)
	}
	if certificate.Subject.CommonName != held.Pseudonym {
		c.violation("request %s: answered with another pseudonym than its certificate's", held.ID)
	}
	issued := c.issued[held.Serial]
	if issued == nil || issued.Row == nil || issued.Certificate == nil {
		c.violation("certificate %s: a client holds it, and it is not on record", held.Serial)
		return false
	}
	if !bytes.Equal(issued.TBS, certificate.RawTBSCertificate) {
		c.violation("certificate %s: the client holds another than is on record", held.Serial)
	}
	if held.Op != "again" && held.Key != issued.Row.SPKISHA256.hex() {
		c.violation("certificate %s: it is for another key than the client sent", held.Serial)
	}
	return !bytes.Equal(issued.Certificate.Signature, certificate.Signature)
}

// judgeOwnership: no enrollment is on record that no client asked for or holds, and hardware has one
// device that counts.
func (c *Case) judgeOwnership() {
	held, abandoned := map[string]bool{}, map[string]bool{}
	boards := map[string][]string{}
	for i := range c.Held {
		h := &c.Held[i]
		if h.Op == "abandoned" {
			abandoned[h.Key] = true
		}
		if h.holds() {
			held[h.Serial] = true
		}
		if h.holds() && h.Op != "again" && h.Op != "renew" {
			boards[h.Hardware] = append(boards[h.Hardware], h.Serial)
		}
	}
	left := 0
	for i := range c.Certificates {
		row := &c.Certificates[i]
		if held[row.Serial.hex()] {
			continue
		}
		device := c.devices[row.Device]
		if device == nil || device.State != "replaced" || !abandoned[row.SPKISHA256.hex()] {
			c.violation("certificate %s: on record, and no client holds it", row.Serial.hex())
		}
		left++
	}
	for hardware, serials := range boards {
		active := map[int64]bool{}
		for _, serial := range serials {
			if issued := c.issued[serial]; issued != nil && issued.Row != nil {
				if d := c.devices[issued.Row.Device]; d != nil && d.State == "active" {
					active[d.ID] = true
				}
			}
		}
		if len(active) > 1 {
			c.violation("hardware %s: %d active devices", hardware, len(active))
		}
	}
	c.count("certificates whose answer was lost, and that a replacement superseded", left)
}

// judgeRetries: the same request gets the same certificate, unless it was taken back meanwhile.
func (c *Case) judgeRetries() {
	originals := map[string]*Held{}
	repeated := 0
	for i := range c.Held {
		if c.Held[i].Op != "again" {
			originals[c.Held[i].ID] = &c.Held[i]
		}
	}
	for i := range c.Held {
		again := &c.Held[i]
		if again.Op != "again" {
			continue
		}
		repeated++
		original := originals[again.Of]
		if original == nil {
			c.violation("request %s: repeats a request that is not there", again.ID)
			continue
		}
		state := ""
		if issued := c.issued[original.Serial]; issued != nil && issued.Row != nil {
			if device := c.devices[issued.Row.Device]; device != nil {
				state = device.State
			}
		}
		same := again.Status == 200 && again.Serial == original.Serial
		right := map[string]bool{
			"active":   same,
			"revoked":  again.Status == 403 && again.Code == "DEVICE_BLOCKED",
			"replaced": again.Status == 409 && again.Code == "KEY_REUSED",
		}
		if !right[state] {
			c.violation("request %s: %d %s %s when it is repeated, was %s of a device that is %s", original.ID,
				again.Status, again.Code, again.Serial, original.Serial, state)
		}
	}
	c.count("requests repeated at the end", repeated)
}
