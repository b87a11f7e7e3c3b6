export type Revision = '2026-07-28' | '2025-11-25'
export type Work = 'small' | 'large' | 'change' | 'list'

/** One kind of request to one address; every user of it sends its own headers (session, token) with the same body. */
export type Target = { url: string; body: string; users: Record<string, string>[] }

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** @param headers of all users, such as a token */
export async function target(options: {
  url: string
  revision: Revision
  work: Work
  users: number
  headers?: Record<string, string>
}): Promise<Target> {
  const { url, revision, work, users } = options
  const headers = { ...headersOf(revision), ...options.headers }
  const body = bodyOf(revision, work)
  if (revision === '2026-07-28') {
    const mirrored = { 'mcp-method': methodOf(work), ...(work === 'list' ? {} : { 'mcp-name': work }) }
    return { url, body, users: Array.from({ length: users }, () => ({ ...headers, ...mirrored })) }
  }
  const sessions = await Promise.all(Array.from({ length: users }, () => openSession(url, headers)))
  return { url, body, users: sessions.map((session) => ({ ...headers, 'mcp-session-id': session })) }
}

function bodyOf(revision: Revision, work: Work): string {
  const meta = revision === '2026-07-28' ? { _meta: envelope } : {}
  const params = work === 'list' ? meta : { name: work, arguments: { word: 'hello' }, ...meta }
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: methodOf(work), params })
}

function methodOf(work: Work): string {
  return work === 'list' ? 'tools/list' : 'tools/call'
}

/** Headers of a request within a session. */
export function sessionHeaders(more: Record<string, string>): Record<string, string> {
  return { ...headersOf('2025-11-25'), ...more }
}

function headersOf(revision: Revision): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': revision,
  }
}

export async function openSession(url: string, headers: Record<string, string>): Promise<string> {
  const post = (message: object, more: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: { ...headers, ...more },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    })
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const begun = await post({ id: 0, method: 'initialize', params })
  const session = begun.headers.get('mcp-session-id')
  if (!begun.ok || !session) throw new Error(`No session was opened: ${begun.status} ${await begun.text()}`)
  await begun.text()
  await (await post({ method: 'notifications/initialized' }, { 'mcp-session-id': session })).text()
  return session
}
