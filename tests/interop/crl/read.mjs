// read.mjs pkijs|peculiar CRL ISSUER: what the library finds in a DER CRL, one value a line, sorted; it fails unless the
// issuer's certificate (DER) verifies it.
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import * as x509 from '@peculiar/x509';

const CRL_NUMBER = '2.5.29.20', REASON = '2.5.29.21', DELTA = '2.5.29.27', POINT = '2.5.29.28', FRESHEST = '2.5.29.46';
const [library, crlFile, issuerFile] = process.argv.slice(2);
const der = file => { const bytes = readFileSync(file); return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length); };
const hex = buffer => Buffer.from(buffer).toString('hex');
const integer = buffer => BigInt('0x' + hex(asn1js.fromBER(buffer).result.valueBlock.valueHexView)).toString();
const uri = buffer => Buffer.from(buffer).toString('latin1').match(/http:[\x21-\x7e]*\.crl/)[0];

// Both end in the same: extensions as {oid, critical, value}, entries as {serial, extensions}.
const readers = {
	async pkijs(crl, issuer) {
		pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto }));
		const list = pkijs.CertificateRevocationList.fromBER(crl), ca = pkijs.Certificate.fromBER(issuer);
		const plain = found => (found?.extensions ?? []).map(e => ({ oid: e.extnID, critical: e.critical, value: e.extnValue.valueBlock.valueHexView.slice().buffer }));
		return {
			verified: await list.verify({ issuerCertificate: ca }),
			extensions: plain(list.crlExtensions),
			entries: (list.revokedCertificates ?? []).map(e => ({ serial: hex(e.userCertificate.valueBlock.valueHexView), extensions: plain(e.crlEntryExtensions) })),
		};
	},
	async peculiar(crl, issuer) {
		x509.cryptoProvider.set(webcrypto);
		const list = new x509.X509Crl(crl), ca = new x509.X509Certificate(issuer);
		const plain = found => found.map(e => ({ oid: e.type, critical: e.critical, value: e.value }));
		return {
			verified: await list.verify({ publicKey: ca }),
			extensions: plain(list.extensions),
			entries: [...(list.entries ?? [])].map(e => ({ serial: e.serialNumber, extensions: plain(e.extensions ?? []) })),
		};
	},
};

const { verified, extensions, entries } = await readers[library](der(crlFile), der(issuerFile));
if (!verified) throw new Error('the issuer did not sign it');
const lines = extensions.map(({ oid, critical, value }) => {
	const said = { [CRL_NUMBER]: integer, [DELTA]: integer, [POINT]: uri, [FRESHEST]: uri }[oid];
	return said && `${oid}${critical ? ' critical' : ''} ${said(value)}`;
}).filter(Boolean);
for (const { serial, extensions: own } of entries) {
	const reason = own.find(({ oid }) => oid === REASON);
	lines.push(`${serial.toUpperCase()} ${reason ? asn1js.fromBER(reason.value).result.valueBlock.valueDec : 0}`);
}
console.log(lines.sort().join('\n'));
