package main

import (
	"bytes"
	"fmt"
	"math/big"
	"os"
	"strings"
)

// forgery is one change of good evidence, and what must be found.
type forgery struct {
	what   string
	change func(e *Evidence) bool // false: there is nothing of this kind to change
	found  string
}

func drop[T any](rows *[]T, i int) bool {
	if i < 0 || i >= len(*rows) {
		return false
	}
	*rows = append(append([]T{}, (*rows)[:i]...), (*rows)[i+1:]...)
	return true
}

func find[T any](rows []T, is func(*T) bool) int {
	for i := range rows {
		if is(&rows[i]) {
			return i
		}
	}
	return -1
}

// of finds the answer to a request of this kind, with a certificate.
func of(e *Evidence, op string) int {
	return find(e.Held, func(h *Held) bool { return h.Op == op && h.holds() })
}

func revoked(e *Evidence) string {
	i := find(e.Held, func(h *Held) bool { return h.Op == "revoke" && h.Status/100 == 2 })
	if i < 0 {
		return ""
	}
	return e.Held[i].Serial
}

func replaced(e *Evidence) string {
	i := find(e.Held, func(h *Held) bool { return h.Op == "replace" && h.holds() && h.Old != "" })
	if i < 0 {
		return ""
	}
	return e.Held[i].Old
}

func deviceOf(e *Evidence, serial string) int {
	i := find(e.Certificates, func(r *CertificateRow) bool { return r.Serial.hex() == serial })
	if i < 0 {
		return -1
	}
	return find(e.Devices, func(d *DeviceRow) bool { return d.ID == e.Certificates[i].Device })
}

func edit(o *Octets, from, to string) bool {
	changed := bytes.Replace(*o, []byte(from), []byte(to), 1)
	same := bytes.Equal(changed, *o)
	*o = changed
	return !same
}

func flip(o Octets, i int) Octets {
	changed := append(Octets{}, o...)
	changed[i] ^= 1
	return changed
}

var forgeries = []forgery{
	{"a certificate's row is dropped", func(e *Evidence) bool {
		return drop(&e.Certificates, len(e.Certificates)/2)
	}, "and the certificate has no row"},
	{"a certificate's body is dropped", func(e *Evidence) bool {
		return drop(&e.Bodies, len(e.Bodies)/2)
	}, "what it commits to is not there"},
	{"a signature is dropped", func(e *Evidence) bool {
		return drop(&e.Signatures, len(e.Signatures)/2)
	}, "neither signature nor cert.abort"},
	{"another certificate's signature", func(e *Evidence) bool {
		e.Signatures[3].Signature = e.Signatures[4].Signature
		return true
	}, "its signature is not its issuer's"},
	{"a nonce is changed", func(e *Evidence) bool {
		e.Bodies[5].Nonce = flip(e.Bodies[5].Nonce, 0)
		return true
	}, "no leaf commits to it"},
	{"a leaf is dropped", func(e *Evidence) bool { return drop(&e.Leaves, len(e.Leaves)/2) }, "of the log says seq"},
	{"the last leaf is dropped", func(e *Evidence) bool {
		e.Logs[0].Size--
		return drop(&e.Leaves, len(e.Leaves)-1)
	}, "leaves, there are"},
	{"two leaves are swapped", func(e *Evidence) bool {
		e.Leaves[7].Body, e.Leaves[8].Body = e.Leaves[8].Body, e.Leaves[7].Body
		return true
	}, "its octets say seq"},
	{"an octet of a leaf is changed", func(e *Evidence) bool {
		return edit(&e.Leaves[9].Body, `"sev":1`, `"sev":2`)
	}, "is not the one signed"},
	{"a leaf is served otherwise", func(e *Evidence) bool {
		for _, served := range e.Served {
			served[6] = served[5]
		}
		return true
	}, "served otherwise than recorded"},
	{"st goes back", func(e *Evidence) bool {
		return edit(&e.Leaves[len(e.Leaves)/2].Body, `"st":"20`, `"st":"19`)
	}, "st goes back"},
	{"a leaf is there twice", func(e *Evidence) bool {
		e.Leaves = append(e.Leaves, e.Leaves[len(e.Leaves)-1])
		return true
	}, "has the n of leaf"},
	{"a checkpoint's signature is broken", func(e *Evidence) bool {
		for _, octets := range e.Checkpoints {
			if at := &octets[len(octets)-20]; *at == 'A' {
				*at = 'B'
			} else {
				*at = 'A'
			}
		}
		return true
	}, "invalid signature"},
	{"a serial is there twice", func(e *Evidence) bool {
		e.Certificates = append(e.Certificates, e.Certificates[2])
		return true
	}, "two rows"},
	{"a key is on record for another device", func(e *Evidence) bool {
		e.Keys[3].Device = e.Keys[4].Device
		return true
	}, "its key is not on record for its device"},
	{"hardware moves to another device", func(e *Evidence) bool {
		e.Tags[1].Device = e.Tags[2].Device
		return true
	}, "tags of"},
	{"a spent token is free again", func(e *Evidence) bool {
		i := find(e.Tokens, func(t *TokenRow) bool { return t.State == "spent" })
		if i < 0 {
			return false
		}
		e.Tokens[i].State, e.Tokens[i].Device = "free", nil
		return true
	}, "its token is not spent for it"},
	{"the quota counts one more", func(e *Evidence) bool {
		i := find(e.Batches, func(b *BatchRow) bool { return b.Issued > 0 })
		e.Batches[i].Issued++
		return true
	}, "issued, has"},
	{"a revocation's row is dropped", func(e *Evidence) bool {
		serial := revoked(e)
		return drop(&e.Revocations, find(e.Revocations, func(r *RevocationRow) bool { return r.Serial.hex() == serial }))
	}, "should be revoked (reason 1)"},
	{"a revoked certificate's verdict is good", func(e *Evidence) bool {
		serial := revoked(e)
		i := find(e.Verdicts, func(v *Verdict) bool { return v.Serial == serial })
		if i < 0 {
			return false
		}
		e.Verdicts[i].Verdict = "good"
		return true
	}, "should be revoked (reason 1)"},
	{"the CRL lacks a revoked certificate", func(e *Evidence) bool {
		serial, _ := new(big.Int).SetString(revoked(e), 16)
		for i, entry := range e.CRL.RevokedCertificates {
			if serial != nil && entry.SerialNumber.Cmp(serial) == 0 {
				return drop(&e.CRL.RevokedCertificates, i)
			}
		}
		return false
	}, "should be revoked (reason 1)"},
	{"a superseded certificate is good again", func(e *Evidence) bool {
		serial := replaced(e)
		return drop(&e.Revocations, find(e.Revocations, func(r *RevocationRow) bool { return r.Serial.hex() == serial }))
	}, "should be revoked (reason 4)"},
	{"a revoked device is active again", func(e *Evidence) bool {
		i := deviceOf(e, revoked(e))
		if i < 0 {
			return false
		}
		e.Devices[i].State = "active"
		return true
	}, "a revocation was answered: true"},
	{"a replaced device is active again", func(e *Evidence) bool {
		i := deviceOf(e, replaced(e))
		if i < 0 {
			return false
		}
		e.Devices[i].State = "active"
		return true
	}, "active devices"},
	{"blocked hardware is free", func(e *Evidence) bool {
		i := find(e.Tags, func(t *TagRow) bool { return t.Blocked })
		if i < 0 {
			return false
		}
		e.Tags[i].Blocked = false
		return true
	}, "blocked false"},
	{"a good certificate is revoked by nobody", func(e *Evidence) bool {
		i := find(e.Verdicts, func(v *Verdict) bool { return v.Verdict == "good" })
		if i < 0 {
			return false
		}
		e.Verdicts[i].Verdict = "revoked"
		return true
	}, "nobody revoked it"},
	{"a status change is dropped", func(e *Evidence) bool { return drop(&e.Changes, len(e.Changes)/2) }, "status_head says"},
	{"a renewal is dropped", func(e *Evidence) bool { return drop(&e.Renewals, 0) }, "the record says otherwise"},
	{"a retry gets another certificate", func(e *Evidence) bool {
		i := of(e, "again")
		if i < 0 {
			return false
		}
		e.Held[i].Serial = e.Held[of(e, "token")].Serial
		return true
	}, "when it is repeated"},
	{"a client holds what is not on record", func(e *Evidence) bool {
		i := of(e, "token")
		if i < 0 {
			return false
		}
		is := func(o Octets) bool { return o.hex() == e.Held[i].Serial }
		return drop(&e.Certificates, find(e.Certificates, func(r *CertificateRow) bool { return is(r.Serial) })) &&
			drop(&e.Bodies, find(e.Bodies, func(r *BodyRow) bool { return is(r.Serial) }))
	}, "a client holds it, and it is not on record"},
	{"nobody holds what is on record", func(e *Evidence) bool {
		i := of(e, "token")
		if i < 0 {
			return false
		}
		serial := e.Held[i].Serial
		for i := len(e.Held) - 1; i >= 0; i-- {
			if e.Held[i].Serial == serial {
				drop(&e.Held, i)
			}
		}
		return true
	}, "on record, and no client holds it"},
	{"a client holds a forged certificate", func(e *Evidence) bool {
		i := of(e, "enroll")
		if i < 0 {
			return false
		}
		lines := strings.Split(e.Held[i].Certificate, "\n")
		last := len(lines) - 3
		for lines[last] == "" || strings.HasPrefix(lines[last], "---") {
			last--
		}
		c := []byte(lines[last])
		c[0] = 'A' + (c[0]-'A'+1)%20 // in the signature
		lines[last] = string(c)
		e.Held[i].Certificate = strings.Join(lines, "\n")
		return true
	}, "not signed by the Device CA"},
	{"a request was never answered", func(e *Evidence) bool {
		i := of(e, "renew")
		if i < 0 {
			return false
		}
		e.Held[i].Status, e.Held[i].Certificate = 0, ""
		return true
	}, "never answered"},
}

// adoptionForgeries are for evidence in which something was adopted.
var adoptionForgeries = []forgery{
	{"an adoption is dropped", func(e *Evidence) bool {
		return drop(&e.Adoptions, len(e.Adoptions)/2)
	}, "cert.adopt, and what it commits to is not there"},
	{"an adoption's nonce is changed", func(e *Evidence) bool {
		e.Adoptions[0].Nonce = flip(e.Adoptions[0].Nonce, 0)
		return true
	}, "adopted, and no leaf commits to that"},
	{"an adoption names another leaf", func(e *Evidence) bool {
		e.Adoptions[0].Seq++
		return true
	}, "its row says otherwise"},
	{"an adoption is of nothing", func(e *Evidence) bool {
		e.Adoptions[0].Serial = flip(e.Adoptions[0].Serial, 5)
		return true
	}, "adopted, and it has no body"},
	{"the log that it was adopted from lives", func(e *Evidence) bool {
		for i := range e.Logs {
			e.Logs[i].Gone = nil
		}
		return true
	}, "adopted from a log that is not retired"},
	{"what was adopted has no signature", func(e *Evidence) bool {
		serial := e.Adoptions[0].Serial.hex()
		return drop(&e.Signatures, find(e.Signatures, func(s *SignatureRow) bool { return s.Serial.hex() == serial }))
	}, "neither signature nor cert.abort"},
	{"a leaf of the retired log is dropped", func(e *Evidence) bool { return drop(&e.Leaves, 20) }, "and audit_log says"},
}

// runSelftest prints what was caught, and gives the exit status.
func runSelftest(dir string) int {
	missed := 0
	good, err := load(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		return 1
	}
	if c := judge(good); len(c.violations) > 0 {
		fmt.Fprintln(os.Stderr, "judge: the evidence is not good to begin with:", c.violations[0])
		return 1
	}
	forgeries := forgeries
	if len(good.Adoptions) > 0 {
		forgeries = adoptionForgeries
	}
	for _, f := range forgeries {
		e, err := load(dir)
		if err != nil || !f.change(e) {
			fmt.Println("nothing to change:", f.what, err)
			missed++
			continue
		}
		all := judge(e).violations
		i := find(all, func(v *string) bool { return strings.Contains(*v, f.found) })
		if i < 0 {
			fmt.Printf("missed: %s: no violation has %q, of %q\n", f.what, f.found, all)
			missed++
			continue
		}
		fmt.Printf("caught: %s: %s\n", f.what, all[i])
	}
	fmt.Printf("%d of %d forgeries caught\n", len(forgeries)-missed, len(forgeries))
	if missed > 0 {
		return 1
	}
	return 0
}
