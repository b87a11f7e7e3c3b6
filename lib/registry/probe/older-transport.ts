import type { GuardedFetch } from './guarded-fetch.ts'

const waitMs = 3000
const lookedAtBytes = 4096

/** Whether a server speaks HTTP with SSE as MCP had it before 2025-03-26: it opens a stream that begins with where to post. */
export async function speaksOlderTransport(
  url: string,
  { guarded, over }: { guarded: GuardedFetch; over: AbortSignal },
): Promise<boolean> {
  try {
    const response = await guarded.fetch(url, {
      headers: { accept: 'text/event-stream' },
      signal: AbortSignal.any([over, AbortSignal.timeout(waitMs)]),
    })
    const isStream = response.ok && response.headers.get('content-type')?.startsWith('text/event-stream')
    if (isStream) return /^event: ?endpoint\r?$/m.test(await firstOf(response))
    await response.body?.cancel()
    return false
  } catch {
    return false
  }
}

/** As far as its first line break after some text, for a stream goes on. */
async function firstOf(response: Response): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  try {
    while (text.length < lookedAtBytes && !/\S.*\n/.test(text)) {
      const { done, value } = await reader.read()
      if (done) break
      text += value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
  return text
}
