import { digestOf } from '#lib/core/canonical-json.ts'
import type { Db } from '#lib/db/client.ts'
import type { TestUpstream } from './broker.ts'
import type { Load } from './call-load.ts'

type Missing = { acknowledgedWithoutRecord: string[]; changedWithoutIntent: string[]; recordedTwice: string[] }

/**
 * Compares three logs of the same calls: what the agent was told was carried out, what the server carried out, and the audit log. `executed`
 * are the calls the server carried out and the log has no end of: those of a broker that died between the two.
 */
export async function compareLogs(
  db: Db,
  { agentId, load, upstream }: { agentId: string; load: Load; upstream: TestUpstream },
): Promise<{ missing: Missing; executedWithoutEnd: string[]; acknowledged: number; executed: number }> {
  const rows = await db.auditEvent.findMany({
    where: { agentId, event: { in: ['mcp.call_intended', 'mcp.call_allowed'] } },
    select: { event: true, detail: true },
  })
  const digests = (event: string) =>
    rows
      .filter((row) => row.event === event)
      .map(({ detail }) => (detail as { argumentsDigest: string }).argumentsDigest)
  const [intended, ended] = [digests('mcp.call_intended'), digests('mcp.call_allowed')]
  const executed = upstream.calls.map(({ tool, arguments: args }) => ({ tool, digest: digestOf(args) }))
  const without = (list: { digest: string }[], log: string[]) => {
    const known = new Set(log)
    return list.map(({ digest }) => digest).filter((digest) => !known.has(digest))
  }
  return {
    missing: {
      acknowledgedWithoutRecord: without(load.acknowledged, ended),
      changedWithoutIntent: without(
        executed.filter(({ tool }) => tool === 'change'),
        intended,
      ),
      // Every call has a word of its own, so a digest that comes twice is a record that was written twice.
      recordedTwice: [intended, ended].flatMap((log) => log.filter((digest, at) => log.indexOf(digest) !== at)),
    },
    executedWithoutEnd: without(executed, ended),
    acknowledged: load.acknowledged.length,
    executed: executed.length,
  }
}

export const nothingMissing: Missing = {
  acknowledgedWithoutRecord: [],
  changedWithoutIntent: [],
  recordedTwice: [],
}
