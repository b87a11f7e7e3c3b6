import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { decrypt, encrypt } from '#lib/core/envelope.ts'

/** A service that keeps a key, as its HTTP API is: only the key itself is made up here. */
export type FakeKms = {
  url: string
  /** Answers 503 to everything while it is out. */
  out: boolean
  calls: number
  stop(): Promise<void>
}

const tokenType = 'urn:ietf:params:oauth:token-type:access_token'

type Answer = { status: number; body: unknown }
type Handle = (request: IncomingMessage, body: string) => Promise<Answer> | Answer

/** AWS KMS: JSON 1.1 with `X-Amz-Target`, a signature of version 4, ciphertexts bound to key and encryption context. */
export async function fakeAwsKms(keyId: string): Promise<FakeKms> {
  const key = randomBytes(32)
  return serve((request, body) => {
    const { authorization = '' } = request.headers
    if (!/^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/eu-central-1\/kms\/aws4_request, /.test(authorization)) {
      return { status: 400, body: { __type: 'IncompleteSignature' } }
    }
    const input = JSON.parse(body) as Record<string, unknown>
    const context = JSON.stringify(input['EncryptionContext'] ?? {})
    if (input['KeyId'] !== keyId) return { status: 400, body: { __type: 'NotFoundException' } }
    switch (request.headers['x-amz-target']) {
      case 'TrentService.Encrypt': {
        const bytes = encrypt(Buffer.from(String(input['Plaintext']), 'base64'), key, context)
        return { status: 200, body: { CiphertextBlob: Buffer.from(bytes).toString('base64'), KeyId: keyId } }
      }
      case 'TrentService.Decrypt':
        try {
          const bytes = decrypt(Buffer.from(String(input['CiphertextBlob']), 'base64'), key, context)
          return { status: 200, body: { Plaintext: bytes.toString('base64'), KeyId: keyId } }
        } catch {
          return { status: 400, body: { __type: 'InvalidCiphertextException' } }
        }
      default:
        return { status: 400, body: { __type: 'UnknownOperationException' } }
    }
  })
}

/** Google Cloud KMS with the token service of workload identity: `account` is what a credentials file holds, its subject token `subject`. */
export async function fakeGcpKms(
  name: string,
  options: { subject: string; subjectFile: string },
): Promise<FakeKms & { account: object }> {
  const key = randomBytes(32)
  const fake = await serve((request, body) => {
    if (request.url === '/token') {
      const form = new URLSearchParams(body)
      const isMeant = form.get('subject_token') === options.subject && form.get('scope')?.includes('cloudkms')
      const answer = {
        access_token: 'fake-token',
        issued_token_type: tokenType,
        token_type: 'Bearer',
        expires_in: 3600,
      }
      return isMeant ? { status: 200, body: answer } : { status: 400, body: { error: 'invalid_grant' } }
    }
    if (request.headers.authorization !== 'Bearer fake-token') return { status: 401, body: {} }
    const input = JSON.parse(body) as Record<string, string>
    const context = input['additionalAuthenticatedData'] ?? ''
    if (request.url === `/v1/${name}:encrypt`) {
      const bytes = encrypt(Buffer.from(input['plaintext']!, 'base64'), key, context)
      return { status: 200, body: { name, ciphertext: Buffer.from(bytes).toString('base64') } }
    }
    if (request.url !== `/v1/${name}:decrypt`) return { status: 404, body: {} }
    try {
      const bytes = decrypt(Buffer.from(input['ciphertext']!, 'base64'), key, context)
      return { status: 200, body: { plaintext: bytes.toString('base64') } }
    } catch {
      return { status: 400, body: { error: { code: 400, status: 'INVALID_ARGUMENT' } } }
    }
  })
  const account = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${fake.url}/token`,
    credential_source: { file: options.subjectFile },
  }
  return Object.assign(fake, { account })
}

/** Vault's transit engine behind one token. */
export async function fakeVault({ token, mount, name }: { token: string; mount: string; name: string }) {
  const key = randomBytes(32)
  return serve((request, body) => {
    if (request.headers['x-vault-token'] !== token) return { status: 403, body: { errors: ['permission denied'] } }
    const input = JSON.parse(body) as Record<string, string>
    const context = input['associated_data'] ?? ''
    if (request.url === `/v1/${mount}/encrypt/${name}`) {
      const bytes = encrypt(Buffer.from(input['plaintext']!, 'base64'), key, context)
      return { status: 200, body: { data: { ciphertext: `vault:v1:${Buffer.from(bytes).toString('base64')}` } } }
    }
    if (request.url !== `/v1/${mount}/decrypt/${name}`) return { status: 404, body: { errors: [] } }
    try {
      const bytes = decrypt(Buffer.from(input['ciphertext']!.replace('vault:v1:', ''), 'base64'), key, context)
      return { status: 200, body: { data: { plaintext: bytes.toString('base64') } } }
    } catch {
      return { status: 400, body: { errors: ['cipher: message authentication failed'] } }
    }
  })
}

async function serve(handle: Handle): Promise<FakeKms> {
  const http: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      fake.calls += 1
      const answer = fake.out
        ? { status: 503, body: {} }
        : Promise.resolve(handle(request, Buffer.concat(chunks).toString('utf8')))
      void Promise.resolve(answer)
        .catch(() => ({ status: 500, body: {} }))
        .then(({ status, body }) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
        })
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const address = http.address()
  if (!address || typeof address === 'string') throw new Error('The fake listens on no port.')
  const fake: FakeKms = {
    url: `http://127.0.0.1:${address.port}`,
    out: false,
    calls: 0,
    async stop() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
  return fake
}
