// verify.mjs ROOT CRLS CHAIN: the first certificate of CHAIN, with its CRLs, as pkijs judges it. Prints a line a CRL
// (entries, whether its issuer signed it, critical extensions after "!"), and the verdict.
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import * as pkijs from "pkijs";

pkijs.setEngine("node", new pkijs.CryptoEngine({ name: "node", crypto: webcrypto }));

const blocks = (path, label) =>
	[...readFileSync(path, "utf8").matchAll(new RegExp(`-----BEGIN ${label}-----([^-]*)-----END`, "g"))].map(
		(match) => Buffer.from(match[1], "base64"));
const [root, lists, chain] = process.argv.slice(2);
const trustedCerts = blocks(root, "CERTIFICATE").map((der) => pkijs.Certificate.fromBER(der));
const certs = blocks(chain, "CERTIFICATE").map((der) => pkijs.Certificate.fromBER(der));
const crls = blocks(lists, "X509 CRL").map((der) => pkijs.CertificateRevocationList.fromBER(der));

for (const crl of crls) {
	const issuerCertificate = [...certs, ...trustedCerts].find((one) => one.subject.isEqual(crl.issuer));
	const signed = issuerCertificate !== undefined && (await crl.verify({ issuerCertificate }));
	const extensions = crl.crlExtensions.extensions.map((one) => (one.critical ? "!" : "") + one.extnID);
	console.log(`crl ${crl.revokedCertificates?.length ?? 0} ${signed} ${extensions.join(" ")}`);
}
// The engine looks at the last one of `certs`.
const engine = new pkijs.CertificateChainValidationEngine({
	trustedCerts, certs: [...certs.slice(1), certs[0]], crls, checkDate: new Date() });
const verdict = await engine.verify();
console.log(verdict.result ? "good" : `not good: ${verdict.resultMessage}`);
