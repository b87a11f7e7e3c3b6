import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startRawMcp } from '#lib/dev/test/raw-mcp.ts'
import { probeServer } from './probe-server.ts'

const tool = { name: 'look', inputSchema: { type: 'object' } }

test('a server that lists its tools without end is asked for so many pages, and for none twice', async () => {
  for (const [cursorOf, asked] of [
    [() => 'same', 2],
    [(page: number) => `page ${page}`, 50],
  ] as const) {
    let pages = 0
    const raw = await startRawMcp({
      answer: () => ({ tools: pages === 0 ? [tool] : [], nextCursor: cursorOf((pages += 1)) }),
    })
    try {
      const report = await probeServer({ url: raw.url, credential: null, allowLinkLocal: false })
      expect({ asked: pages, tools: report.tools.map(({ name }) => name) }).toEqual({ asked, tools: ['look'] })
    } finally {
      await raw.stop()
    }
  }
})

test('a probe ends when its time is over, whatever the server still does', async () => {
  let pages = 0
  const raw = await startRawMcp({
    async answer() {
      await sleep(40)
      return { tools: [], nextCursor: `page ${(pages += 1)}` }
    },
  })
  try {
    const report = await probeServer({ url: raw.url, credential: null, allowLinkLocal: false, withinMs: 400 })
    expect(pages).toBeLessThan(50)
    expect(report.findings.map(({ kind }) => kind)).toContain('slow')
  } finally {
    await raw.stop()
  }
})
