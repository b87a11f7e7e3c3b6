import { digestOf } from '#lib/core/canonical-json.ts'

export type Acknowledged = { tool: string; word: string; digest: string }
export type Load = {
  /** Answers that said the call was carried out. */
  acknowledged: Acknowledged[]
  /** Every other end, in words. */
  others: string[]
  stop(): Promise<void>
}

/** Agents that call `look` and `change` without pause, each call with a word of its own, and keep a log of what they were answered. */
export function startLoad(options: {
  url: string
  token: () => string
  serverId: string
  users: number
  pauseMs?: number
}): Load {
  const ended = new AbortController()
  const acknowledged: Acknowledged[] = []
  const others: string[] = []
  let calls = 0
  const call = async (tool: string, word: string): Promise<void> => {
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: { word } } }
    const response = await fetch(`${options.url}/mcp/${options.serverId}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${options.token()}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    })
    const text = await response.text()
    // The upstream's own words: an answer that says this was carried out.
    if (response.status === 200 && text.includes(`${word}"`) && !text.includes('"isError"')) {
      acknowledged.push({ tool, word, digest: digestOf({ word }) })
    } else others.push(`${response.status} ${text.slice(0, 300)}`)
  }
  const users = Array.from({ length: options.users }, async (_, user) => {
    while (!ended.signal.aborted) {
      calls += 1
      await call(calls % 2 === 0 ? 'look' : 'change', `u${user}-${calls}`).catch((error: unknown) => {
        others.push(String(error))
      })
      // A server that is not there refuses at once: no busy loop then.
      await new Promise((resolve) => setTimeout(resolve, options.pauseMs ?? 2))
    }
  })
  return {
    acknowledged,
    others,
    async stop() {
      ended.abort()
      await Promise.all(users)
    },
  }
}
