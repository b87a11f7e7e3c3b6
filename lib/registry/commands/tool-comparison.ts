import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { unhurried } from '#lib/core/gently.ts'
import { leftOutMax } from '../rules/listed-tools.ts'
import { foremost } from '../rules/tool-findings.ts'
import { digesting, planOf } from '../rules/tool-round.ts'
import type { ListedTool } from '../schema.ts'
import type { ToolComparison } from '../schema/probes.ts'
import { judging, knownTools, toolNames, TooManyNames } from '../tool-judging.ts'
import { type JudgedTool, readTools } from './tool-rows.ts'

const findingsMax = 20

/** What the watch would say if a server listed these tools from now on; nothing is kept. Null: there is no such server, or nothing can be judged. */
export async function compareTools(
  ctx: Ctx,
  { serverId, tools, isWhole }: { serverId: string; tools: readonly ListedTool[]; isWhole: boolean },
): Promise<ToolComparison | null> {
  if (!(await reader(ctx).mcpServer.findUnique({ where: { id: serverId }, select: { id: true } }))) return null
  const { listed, leftOut } = await unhurried(digesting(tools))
  const known = await knownTools(ctx, { serverId, names: [...listed.keys()] })
  const plan = planOf({ listed, known, newToday: 0 })
  const differing = [...plan.shown, ...plan.others]
  const names = await toolNames(ctx, plan).catch(nullIfTooMany)
  if (!names) return null
  const rows = await readTools(reader(ctx), { serverId, names: differing.map(({ tool }) => tool.name) })
  const judged = await unhurried(judging(differing, rows, { names, newToolState: 'quarantined' }))
  const isThere = ({ tool }: JudgedTool) => (known.get(tool.name)?.state ?? 'removed') !== 'removed'
  const compared = (one: JudgedTool) => ({
    name: one.tool.name,
    class: one.class,
    classBefore: isThere(one) ? rows.get(one.tool.name)!.class : null,
    verdict: one.verdict,
    waits: one.state === 'quarantined',
    findings: foremost(one.findings, findingsMax),
  })
  return {
    added: judged.filter((one) => !isThere(one)).map(compared),
    changed: judged.filter(isThere).map(compared),
    removed: isWhole ? plan.gone : null,
    unchanged: plan.seen.length,
    leftOut: [...leftOut, ...plan.leftOut].slice(0, leftOutMax),
  }
}

function nullIfTooMany(error: unknown): null {
  if (error instanceof TooManyNames) return null
  throw error
}
