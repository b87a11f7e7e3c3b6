import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { unhurried } from '#lib/core/gently.ts'
import { ToolNames } from './rules/other-tools.ts'
import { judgeListing } from './rules/tool-listing.ts'
import type { Listed, RoundPlan } from './rules/tool-round.ts'
import type { RecordServerToolsInput } from './schema.ts'
import { type JudgedTool, knownTool, type ToolRow } from './commands/tool-rows.ts'

/** Several times what a large organization approves. */
const shownNamesMax = 20_000
/** So many in all, if that is more than agents may be shown. */
const namesMax = 5000

/** Why nothing of a list can be judged. */
export class TooManyNames extends Error {
  override readonly name = 'TooManyNames'

  constructor() {
    super(
      `agents may be shown more than ${shownNamesMax} names of tools, so what it lists cannot be searched for all of them`,
    )
  }
}

/** What is listed now, or was at the last look: of names that are gone there may be any number. */
export async function knownTools(ctx: Ctx, { serverId, names }: { serverId: string; names: string[] }) {
  const rows = await reader(ctx).mcpTool.findMany({
    where: { serverId, OR: [{ state: { not: 'removed' } }, { name: { in: names } }] },
    select: { name: true, definitionHash: true, state: true, approvedHash: true },
  })
  return new Map(rows.map((row) => [row.name, row]))
}

/**
 * The names that text is searched for. Of what agents may be shown all of them, or nothing is judged: what is told of a tool that was not looked for would pass. The others only as far as there is room, so that no
 * server can list so many that these are not looked for.
 */
export async function toolNames(ctx: Ctx, { shown, others }: RoundPlan): Promise<ToolNames> {
  if (shown.length + others.length === 0) return new ToolNames([])
  const names = await namesWhere(ctx, { isShown: true, limit: shownNamesMax + 1 })
  if (names.length > shownNamesMax) throw new TooManyNames()
  const rest = await namesWhere(ctx, { isShown: false, limit: Math.max(0, namesMax - names.length) })
  return await unhurried(ToolNames.making([...new Set([...names, ...rest])]))
}

/** Judges what is listed by what is known of it, tool by tool. */
export function* judging(
  batch: readonly Listed[],
  rows: ReadonlyMap<string, ToolRow>,
  { names, newToolState }: Pick<RecordServerToolsInput, 'newToolState'> & { names: ToolNames },
): Generator<void, JudgedTool[]> {
  const judged: JudgedTool[] = []
  for (const listed of batch) {
    const row = rows.get(listed.tool.name)
    const known = row ? knownTool(row) : null
    const world = { otherTools: names.except(listed.tool.name) }
    judged.push({ ...listed, known, ...(yield* judgeListing({ ...listed, known, newToolState, world })) })
    yield
  }
  return judged
}

async function namesWhere(ctx: Ctx, { isShown, limit }: { isShown: boolean; limit: number }): Promise<string[]> {
  const rows = await reader(ctx).$queryRaw<{ name: string }[]>`
    select distinct "name" from "McpTool" where "state" <> 'removed' and ("state" = 'approved' or "approvedHash" is not null) = ${isShown}
    order by "name" limit ${limit}`
  return rows.map(({ name }) => name)
}
