package main

import "fmt"

// judgeUniqueness: serials, keys, hardware and tokens are there once.
func (c *Case) judgeUniqueness() {
	c.devices = map[int64]*DeviceRow{}
	pseudonyms := map[string]int64{}
	for i := range c.Devices {
		row := &c.Devices[i]
		if c.devices[row.ID] != nil {
			c.violation("device %d: two rows", row.ID)
		}
		c.devices[row.ID] = row
		if other, is := pseudonyms[row.Pseudonym]; is {
			c.violation("device %d: has the pseudonym of device %d", row.ID, other)
		}
		pseudonyms[row.Pseudonym] = row.ID
	}
	c.uniqueKeys()
	c.uniqueTags()
	c.uniqueTokens()
	c.count("devices", len(c.Devices))
}

func (c *Case) uniqueKeys() {
	keys := map[string]*KeyRow{}
	for i := range c.Keys {
		row := &c.Keys[i]
		if keys[row.SPKISHA256.hex()] != nil {
			c.violation("key %s: two rows", row.SPKISHA256.hex())
		}
		keys[row.SPKISHA256.hex()] = row
		if issued := c.issued[row.Serial.hex()]; issued == nil || issued.Row == nil {
			c.violation("key %s: its first certificate is not there", row.SPKISHA256.hex())
		}
	}
	for i := range c.Certificates {
		row := &c.Certificates[i]
		key := keys[row.SPKISHA256.hex()]
		if key == nil || key.Device == nil || *key.Device != row.Device {
			c.violation("certificate %s: its key is not on record for its device", row.Serial.hex())
		}
		if c.devices[row.Device] == nil {
			c.violation("certificate %s: its device has no row", row.Serial.hex())
		}
	}
}

// uniqueTags: hardware belongs to one device; one that was replaced has none left.
func (c *Case) uniqueTags() {
	seen := map[string]bool{}
	count := map[int64]int{}
	for _, row := range c.Tags {
		name := fmt.Sprintf("%d/%s", row.Kid, row.Tag.hex())
		if seen[name] {
			c.violation("tag %s: two rows", name)
		}
		seen[name] = true
		count[row.Device]++
		if c.devices[row.Device] == nil {
			c.violation("tag %s: its device has no row", name)
		}
	}
	for _, device := range c.devices {
		want := device.TagCount
		if device.State == "replaced" {
			want = 0
		}
		if count[device.ID] != want {
			c.violation("device %d (%s): has %d tags of %d", device.ID, device.State, count[device.ID], want)
		}
	}
}

// uniqueTokens: a token is spent for one device; the devices before it were replaced.
func (c *Case) uniqueTokens() {
	tokens := map[int64]*TokenRow{}
	for i := range c.Tokens {
		row := &c.Tokens[i]
		if tokens[row.ID] != nil {
			c.violation("token %d: two rows", row.ID)
		}
		tokens[row.ID] = row
		if row.State == "spent" && (row.Device == nil || c.devices[*row.Device] == nil) {
			c.violation("token %d: spent for a device that is not there", row.ID)
		}
	}
	for _, device := range c.devices {
		if device.Token == nil || device.State == "replaced" {
			continue
		}
		token := tokens[*device.Token]
		if token == nil || token.State != "spent" || token.Device == nil || *token.Device != device.ID {
			c.violation("device %d: its token is not spent for it", device.ID)
		}
	}
}
