import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { readFindings } from '../import-findings.ts'
import type { ImportOutcome, Sighting } from '../schema/unregistered.ts'
import { writeSightings } from '../sightings.ts'

/**
 * Takes findings from elsewhere (an inventory, a scan) as CSV or JSON: all of them or, with any problem, none. What names an agent at Claude is the
 * same as that one. Importing again counts, and brings nothing back that was decided. Needs `discovery:manage`; throws `invalid` with
 * `details.problems`, each with its line.
 */
export async function importFindings(
  ctx: Ctx,
  input: { text: string; format: 'csv' | 'json' },
): Promise<ImportOutcome> {
  authorize(ctx, 'discovery:manage')
  const { findings, problems } = readFindings(input.text, input.format)
  const [first] = problems
  if (first) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    throw new DomainError('invalid', `Line ${first.line}: ${first.message}${more}`, {
      rule: 'registry:import',
      line: first.line,
      problems: problems.map((problem) => ({ ...problem, column: 1, id: null })),
    })
  }
  const sightings = findings.map(
    ({ key, name, claude_agent_id: claudeAgentId, owner, note, seen_at: seenAt }): Sighting => ({
      source: claudeAgentId === undefined ? 'import' : 'claude',
      key: claudeAgentId ?? key,
      name: name ?? key,
      verified: true,
      detail: {
        ...(claudeAgentId === undefined ? {} : { imported_as: key }),
        ...(owner === undefined ? {} : { owner }),
        ...(note === undefined ? {} : { note }),
      },
      ...(seenAt === undefined ? {} : { at: new Date(seenAt) }),
    }),
  )
  return await inTx(
    ctx,
    async (tx, ctx) => {
      const found = await writeSightings(ctx, sightings)
      recordAudit(tx, ctx, {
        event: 'unregistered.imported',
        subject: { kind: 'registry', id: 'registry', name: 'Registry' },
        detail: { rows: sightings.length, added: found.added },
      })
      return { rows: sightings.length, ...found }
    },
    { timeoutMs: 120_000 },
  )
}
