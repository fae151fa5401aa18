package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
)

// Issued is one certificate that the log commits to, put together from the database.
type Issued struct {
	Serial      string
	Leaf        *Leaf
	TBS         []byte
	Certificate *x509.Certificate // nil: not signed
	Row         *CertificateRow   // nil: no device's
}

func commitment(nonce, tbs []byte) string {
	digest := sha256.Sum256(append(append([]byte{}, nonce...), tbs...))
	return base64.StdEncoding.EncodeToString(digest[:])
}

// assemble puts a Certificate together: the TBSCertificate names its signature's algorithm.
func assemble(tbs, signature []byte) (*x509.Certificate, error) {
	var inner struct {
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    *big.Int
		Algorithm pkix.AlgorithmIdentifier
		Rest      asn1.RawValue
	}
	// What follows the issuer is not looked at: asn1 wants the whole, so it gets the parts.
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(tbs, &outer); err != nil {
		return nil, err
	}
	rest, err := asn1.UnmarshalWithParams(outer.Bytes, &inner.Version, "optional,explicit,default:0,tag:0")
	if err != nil {
		return nil, err
	}
	if rest, err = asn1.Unmarshal(rest, &inner.Serial); err != nil {
		return nil, err
	}
	if _, err = asn1.Unmarshal(rest, &inner.Algorithm); err != nil {
		return nil, err
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, inner.Algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// commitments is every leaf that carries `c`, by it; the same one twice is a violation.
func (c *Case) commitments() map[string]*Leaf {
	all := map[string]*Leaf{}
	for i := range c.leaves {
		leaf := &c.leaves[i]
		if leaf.C == "" {
			continue
		}
		if other := all[leaf.C]; other != nil {
			c.violation("leaf %d: commits to what leaf %d commits to", leaf.Seq, other.Seq)
		}
		all[leaf.C] = leaf
	}
	return all
}

// aborted: the subjects of certificates that will never be signed.
func (c *Case) aborted() map[string]bool {
	subjects := map[string]bool{}
	for _, leaf := range c.leaves {
		if leaf.Ev == "cert.abort" {
			subjects[leaf.Sub] = true
		}
	}
	return subjects
}

// judgeIssued: every leaf that commits has what it commits to, signed or given up, and every row of an
// issued certificate has its leaf.
func (c *Case) judgeIssued() {
	issuers := map[string]*x509.Certificate{}
	for _, row := range c.Issuers {
		certificate, err := x509.ParseCertificate(row.Certificate)
		if err != nil {
			c.violation("issuer %s: %v", row.ID.hex(), err)
			continue
		}
		issuers[row.ID.hex()] = certificate
	}
	signatures := map[string][]byte{}
	for _, row := range c.Signatures {
		if signatures[row.Serial.hex()] != nil {
			c.violation("certificate %s: two signatures", row.Serial.hex())
		}
		signatures[row.Serial.hex()] = row.Signature
	}
	leaves, aborted := c.commitments(), c.aborted()
	c.issued = map[string]*Issued{}
	for i := range c.Bodies {
		row := &c.Bodies[i]
		c.judgeBody(row.Serial, row.Issuer, row.Nonce, row.TBS, signatures[row.Serial.hex()], row, leaves, aborted, issuers)
	}
	for _, row := range c.Operators {
		var signature []byte
		if row.Signature != nil {
			signature = *row.Signature
		}
		c.judgeBody(row.Serial, row.Issuer, row.Nonce, row.TBS, signature, nil, leaves, aborted, issuers)
	}
	c.judgeAdoptions(leaves)
	for _, leaf := range leaves {
		c.violation("leaf %d: %s, and what it commits to is not there", leaf.Seq, leaf.Ev)
	}
	for serial := range signatures {
		if c.issued[serial] == nil {
			c.violation("certificate %s: a signature and no body", serial)
		}
	}
	c.count("certificates with their leaf", len(c.issued))
	c.judgeRows()
}

// judgeBody takes the leaf out of leaves, so that what is left at the end has no body.
func (c *Case) judgeBody(serial, issuer Octets, nonce, tbs, signature []byte, row *BodyRow, leaves map[string]*Leaf,
	aborted map[string]bool, issuers map[string]*x509.Certificate) {
	name := serial.hex()
	leaf := leaves[commitment(nonce, tbs)]
	if leaf == nil {
		c.violation("certificate %s: no leaf commits to it", name)
		return
	}
	delete(leaves, leaf.C)
	if c.issued[name] != nil {
		c.violation("certificate %s: issued twice, leaves %d and %d", name, c.issued[name].Leaf.Seq, leaf.Seq)
	}
	issued := &Issued{Serial: name, Leaf: leaf, TBS: tbs}
	c.issued[name] = issued
	if row != nil && (row.Log != leaf.Log || row.Seq != leaf.Seq) {
		c.violation("certificate %s: its row names leaf %d, its leaf is %d", name, row.Seq, leaf.Seq)
	}
	if signature == nil {
		if !aborted[leaf.Sub] {
			c.violation("certificate %s: leaf %d commits to it, and it has neither signature nor cert.abort", name, leaf.Seq)
		}
		return
	}
	certificate, err := assemble(tbs, signature)
	if err != nil {
		c.violation("certificate %s: %v", name, err)
		return
	}
	issued.Certificate = certificate
	if got := fmt.Sprintf("%040x", certificate.SerialNumber); got != name {
		c.violation("certificate %s: its octets say serial %s", name, got)
	}
	if parent := issuers[issuer.hex()]; parent == nil || certificate.CheckSignatureFrom(parent) != nil {
		c.violation("certificate %s: its signature is not its issuer's", name)
	}
}

// judgeRows: the rows of `certificate` say what the certificates say, and what their leaves say.
func (c *Case) judgeRows() {
	for i := range c.Certificates {
		row := &c.Certificates[i]
		name := row.Serial.hex()
		issued := c.issued[name]
		if issued == nil {
			c.violation("certificate %s: a row, and neither body nor leaf", name)
			continue
		}
		if issued.Row != nil {
			c.violation("certificate %s: two rows", name)
		}
		issued.Row = row
		if handles := issued.Leaf.part("h"); len(handles) == 0 || handles[0] != row.Handle {
			c.violation("certificate %s: its handle is not that of leaf %d", name, issued.Leaf.Seq)
		}
		if issued.Certificate == nil {
			continue
		}
		spki := sha256.Sum256(issued.Certificate.RawSubjectPublicKeyInfo)
		if !bytes.Equal(spki[:], row.SPKISHA256) {
			c.violation("certificate %s: its row has another key", name)
		}
		if issued.Certificate.Subject.CommonName != row.Pseudonym {
			c.violation("certificate %s: its row has another pseudonym", name)
		}
		if month := hex.EncodeToString(row.Serial[1:3]); month != fmt.Sprintf("%04x", row.Month) {
			c.violation("certificate %s: filed under month %d", name, row.Month)
		}
	}
	for name, issued := range c.issued {
		switch issued.Leaf.Ev {
		case "enroll.ok", "enroll.replace", "renew.ok":
			if issued.Row == nil {
				c.violation("certificate %s: leaf %d is %s, and the certificate has no row", name, issued.Leaf.Seq, issued.Leaf.Ev)
			}
		}
	}
}
