import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "../../src/cluster/x509.ts";

const DAY_MS = 86_400_000;
const CERTIFICATE_FILE = "tls.crt";

/** Makes a certificate for 127.0.0.1, signed by itself; the node's settings that use it. */
export async function writeCertificate(directory: string): Promise<Record<string, string>> {
  const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: "CN=skerry conformance",
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }]),
    ],
  });
  const files = { certificate: join(directory, CERTIFICATE_FILE), key: join(directory, "tls.key") };
  const privateKey = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  writeFileSync(files.certificate, `${certificate.toString("pem")}\n`);
  writeFileSync(files.key, `${PemConverter.encode(privateKey, PemConverter.PrivateKeyTag)}\n`, {
    mode: 0o600,
  });
  return { SKERRY_TLS_CERTIFICATE_FILE: files.certificate, SKERRY_TLS_KEY_FILE: files.key };
}

/** The suite is told not to verify, but some of its tests open connections of their own: one with `ssl`, two with `requests`. */
export function trustedCertificates(directory: string): Record<string, string> {
  const file = join(directory, CERTIFICATE_FILE);
  return { SSL_CERT_FILE: file, REQUESTS_CA_BUNDLE: file };
}
