/* known: three leaves with their hashes, root and checkpoint, checked with Go's sumdb packages. */
#ifndef TESTS_UNIT_PROOF_KNOWN_H
#define TESTS_UNIT_PROOF_KNOWN_H

#define KNOWN_LEAF0                                                                   \
	"{\"seq\":0,\"st\":\"2026-01-01T00:00:00Z\",\"v\":1,\"ev\":\"log.open\","     \
	"\"rc\":\"OK\",\"sev\":1,\"out\":\"success\",\"t\":\"2026-01-01T00:00:00Z\"," \
	"\"n\":\"AAAAAAAAAAAAAAAAAAAAAA\"}"
#define KNOWN_HASH0 "d3d258be5b36cf0d6d722dee5e87420595f0ea7d69d34cf577019c90486e1545"

#define KNOWN_LEAF1                                                                     \
	"{\"seq\":1,\"st\":\"2026-01-01T00:00:01Z\",\"v\":1,\"ev\":\"enroll.refused\"," \
	"\"rc\":\"DUPLICATE_HARDWARE\",\"sev\":3,\"out\":\"failure\","                  \
	"\"t\":\"2026-01-01T00:00:01Z\",\"n\":\"AAECAwQFBgcICQoLDA0ODw\","              \
	"\"act\":\"station:7f3kq2m5nv4wxyza\",\"sub\":\"b:mzxw6ytboi2dgnbv\"}"
#define KNOWN_HASH1 "5ba2918801c72d840ee045fe0dbadb22bee90c9e33cee4fa29c9ec847432f290"

#define KNOWN_LEAF2                                                                  \
	"{\"seq\":2,\"st\":\"2026-01-01T00:00:02Z\",\"v\":1,\"ev\":\"cert.revoke\"," \
	"\"rc\":\"KEY_COMPROMISE\",\"sev\":4,\"out\":\"success\","                   \
	"\"t\":\"2026-01-01T00:00:02Z\",\"n\":\"EBESExQVFhcYGRobHB0eHw\","           \
	"\"act\":\"officer:2c5d7xkaqe3wnb6m\",\"sub\":\"h:onsxg43jn5xhgzlt\"}"
#define KNOWN_HASH2 "f0c5f507198e14405fc9d8b1b5c5655bf9c460cca3ecb7652566c687639402c7"

#define KNOWN_ROOT3 "b18623977fd87462c1df3a524554db8f2d2699638de2f920ce872b46832ebfc1"

/* The seed of the log key is the octets 01 to 20 (hex). */
#define KNOWN_ORIGIN "moniker.example/node1-2026"
#define KNOWN_VKEY KNOWN_ORIGIN "+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"
#define KNOWN_CHECKPOINT KNOWN_ORIGIN "\n3\nsYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E=\n"
#define KNOWN_SIGNATURE                                                                            \
	"\xe2\x80\x94 " KNOWN_ORIGIN                                                               \
	" /vfHtFBLcJbSyMICU3ZRwHC2MOaVs7FiBR2jHSYvbRVZkefcfLlHjI9SH4U8y1qkspfWadwuh8NIlBObzibxrdM" \
	"YCg0=\n"

/* A witness whose seed is the octets 41 to 60 (hex); its cosignature made by Go's crypto/ed25519.
 */
#define KNOWN_WITNESS "witness.example/w1"
#define KNOWN_WITNESS_VKEY KNOWN_WITNESS "+5c917ff5+BK3BQBH4LRxW2VaqT51z2IWDYaYGBIUl4NCMY43HXdjH"
#define KNOWN_COSIGNED_AT_S 1767225700
#define KNOWN_COSIGNATURE                                                                         \
	"\xe2\x80\x94 " KNOWN_WITNESS                                                             \
	" XJF/9QAAAABpVblkzm3m5LjxCM40cUrOvq/cQ82yYDuQ0NNA3nmS8Ooa3cbriQmttzk+hMTF/QOibsw7zK/ou4" \
	"i2tkThnua4HythBA==\n"
#define KNOWN_NOTE KNOWN_CHECKPOINT "\n" KNOWN_SIGNATURE

#endif
