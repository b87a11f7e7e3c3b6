import { DomainError } from '#lib/core/errors.ts'
import { portal } from './db.ts'
import { requestHeader } from './request-headers.ts'

type PageRequest = { path: string; method: string; headers: Record<string, string | string[] | undefined> }

/** Writes down what a page failed with: refusals as information, everything else as an error with its stack and the digest the reader sees. */
export function logPageError(error: unknown, request: PageRequest): void {
  const { log } = portal()
  const facts = {
    requestId: request.headers[requestHeader.id],
    method: request.method,
    path: request.path.split('?')[0],
    digest: typeof error === 'object' && error !== null && 'digest' in error ? error.digest : undefined,
  }
  if (error instanceof DomainError && error.code !== 'unavailable')
    log.info({ ...facts, code: error.code, reason: error.message }, 'refused')
  else log.error({ ...facts, err: error }, 'page failed')
}
