import type { FetchLike } from '@modelcontextprotocol/client'

const secretParts = [
  'access_token',
  'assertion',
  'client_assertion',
  'client_secret',
  'id_token',
  'refresh_token',
  'subject_token',
]

/**
 * Asks authorization servers as `ask` does, and notes what is secret in what they are sent and what they answer: whoever runs the MCP
 * server may know it from there, and may say it back.
 */
export function notingFetch(ask: FetchLike, secrets = new Set<string>()): { fetchFn: FetchLike; secrets: Set<string> } {
  const note = (value: unknown): void => {
    if (typeof value === 'string' && value !== '') secrets.add(value)
  }
  const fetchFn: FetchLike = async (url, init) => {
    if (init?.method !== 'POST') return await ask(url, init)
    const { body } = init
    const sent = new URLSearchParams(body instanceof URLSearchParams ? body : typeof body === 'string' ? body : '')
    for (const part of secretParts) note(sent.get(part))
    for (const value of passwordsIn(new Headers(init.headers).get('authorization'))) note(value)
    const response = await ask(url, init)
    const answered: unknown = await response
      .clone()
      .json()
      .catch(() => null)
    if (typeof answered === 'object' && answered !== null)
      for (const part of secretParts) note((answered as Record<string, unknown>)[part])
    return response
  }
  return { fetchFn, secrets }
}

/** Of HTTP Basic, as it is sent and, since a client's is encoded as a form, as it is. */
function passwordsIn(authorization: string | null): string[] {
  const encoded = /^Basic (.+)$/.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return []
  const pair = Buffer.from(encoded, 'base64').toString()
  const password = pair.slice(pair.indexOf(':') + 1)
  return [encoded, password, ...new URLSearchParams(`a=${password}`).getAll('a')]
}
