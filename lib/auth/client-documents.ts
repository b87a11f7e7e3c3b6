import { Agent, request } from 'undici'
import { isOutsideHost, outsideLookup } from '#lib/core/guarded-lookup.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { type AppRefusal, type ClientMetadata, readClientDocument } from './rules/app-client.ts'

/** Reads the documents by which apps describe themselves (OAuth Client ID Metadata Document). */
export type ClientDocuments = { read(address: string): Promise<Result<ClientMetadata, AppRefusal>> }

const waitMs = 5_000
const bytesMax = 16 * 1024

/**
 * Whoever sends a person here chooses the address, so it is read from outside only, over https, without redirects, in little time and
 * space. `privateHosts` may be inside, `ca` is trusted besides the usual authorities.
 */
export function createClientDocuments(
  options: { privateHosts?: readonly string[]; ca?: string } = {},
): ClientDocuments {
  const { privateHosts = [], ca } = options
  const connect = { lookup: outsideLookup(privateHosts), timeout: waitMs, ...(ca ? { ca } : {}) }
  const agent = new Agent({ connect, connections: 4, maxResponseSize: bytesMax })
  return {
    async read(address) {
      if (!isOutsideHost(new URL(address).hostname, privateHosts)) return refuse('Its address is one inside.')
      try {
        const signal = AbortSignal.timeout(waitMs)
        const headers = { accept: 'application/json' }
        const answer = await request(address, { method: 'GET', headers, dispatcher: agent, signal })
        const type = String(answer.headers['content-type'] ?? '')
        if (answer.statusCode !== 200 || !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
          await answer.body.dump({ limit: bytesMax, signal }).catch(() => {})
          return refuse(`It answered ${answer.statusCode} ${type.slice(0, 50)} instead of 200 application/json.`)
        }
        const read = readClientDocument(address, await answer.body.json())
        return read.ok ? ok(read.value) : read
      } catch (error) {
        return refuse(wordsOf(error))
      }
    },
  }
}

function refuse(why: string): Result<never, AppRefusal> {
  return err({ rule: 'app:client_document', message: `The document that describes the app could not be used. ${why}` })
}

function wordsOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'It is not JSON.'
  if (!(error instanceof Error)) return 'No reason given.'
  if (error.name === 'TimeoutError') return `It did not come within ${waitMs / 1000} s.`
  const { code } = error as { code?: unknown }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return `It is longer than ${bytesMax} bytes.`
  return typeof code === 'string' && code !== 'UND_ERR' ? `${code}.` : error.message.slice(0, 200)
}
