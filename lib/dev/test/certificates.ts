import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

export type TestCertificate = { certificate: string; privateKey: string }

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** A certificate authority of its own, which issues certificates for this machine and for clients. */
export async function testAuthority() {
  const keys = await newKeys()
  const root = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test Authority',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  })
  return {
    ca: root.toString('pem'),
    issue: (subject: string, days = 90): Promise<TestCertificate> => issue({ root, keys }, { subject, days }),
  }
}

async function issue(
  authority: { root: X509Certificate; keys: CryptoKeyPair },
  { subject, days }: { subject: string; days: number },
): Promise<TestCertificate> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: authority.root.subject,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 10 * 86_400_000),
    notAfter: new Date(Date.now() + days * 86_400_000),
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  })
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const lines = der.match(/.{1,64}/g)!.join('\n')
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----`
  return { certificate: certificate.toString('pem'), privateKey }
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}
