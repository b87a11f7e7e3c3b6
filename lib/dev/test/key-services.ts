import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { parseBrokerConfig } from '#lib/config/broker.ts'
import { fakeAwsKms, fakeGcpKms, type FakeKms, fakeVault } from './fake-kms.ts'

const awsKey = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const gcpKey = 'projects/test/locations/europe-west3/keyRings/platform/cryptoKeys/wheelhouse'

export const newKey = () => randomBytes(32).toString('base64')
/** The keys of a process that is configured so. */
export const keysOf = (env: Record<string, string>) =>
  parseBrokerConfig({ DATABASE_URL: 'postgresql://db/wheelhouse', ...env }).keys

/** Each driver that asks a service for its key, with that service behind it and configured as an operator does it; `end` takes all away again. */
export function keyServices() {
  const running: FakeKms[] = []
  const folders: string[] = []

  async function started<T extends FakeKms>(fake: Promise<T>): Promise<T> {
    running.push(await fake)
    return await fake
  }

  async function folder(): Promise<string> {
    const made = await mkdtemp(join(tmpdir(), 'wheelhouse-keys-'))
    folders.push(made)
    return made
  }

  return {
    folder,
    async end() {
      vi.unstubAllEnvs()
      await Promise.all(running.splice(0).map((fake) => fake.stop()))
      await Promise.all(folders.splice(0).map((each) => rm(each, { recursive: true })))
    },
    services: {
      async 'aws-kms'() {
        const fake = await started(fakeAwsKms(awsKey))
        vi.stubEnv('AWS_ENDPOINT_URL_KMS', fake.url)
        vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
        vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example')
        return { fake, sources: keysOf({ WHEELHOUSE_KEYS: `aws-kms:${awsKey}` }) }
      },
      async 'gcp-kms'() {
        const within = await folder()
        const [file, subjectFile] = [join(within, 'account.json'), join(within, 'subject')]
        await writeFile(subjectFile, 'workload')
        const fake = await started(fakeGcpKms(gcpKey, { subject: 'workload', subjectFile }))
        await writeFile(file, JSON.stringify(fake.account))
        vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file)
        return { fake, sources: keysOf({ WHEELHOUSE_KEYS: `gcp-kms:${gcpKey}`, WHEELHOUSE_GCP_KMS_URL: fake.url }) }
      },
      async 'vault-transit'() {
        const token = 'hvs.example'
        const fake = await started(fakeVault({ token, mount: 'transit', name: 'wheelhouse' }))
        const env = { WHEELHOUSE_KEYS: 'vault-transit:transit/wheelhouse', VAULT_ADDR: fake.url, VAULT_TOKEN: token }
        return { fake, sources: keysOf(env) }
      },
    },
  }
}
