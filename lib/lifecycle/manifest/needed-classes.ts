import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { classOf } from '#lib/scopes/rules/named-tools.ts'

type Scope = { serverId: string; class: ToolClass; toolName: string | null }

/** A tool that is named has one class, whatever class a file names it with: each with the class that its grant has. */
export async function withNeededClasses<T extends Scope>(ctx: Ctx, scopes: readonly T[]): Promise<T[]> {
  const named = scopes.flatMap(({ serverId, toolName }) => (toolName === null ? [] : [{ serverId, name: toolName }]))
  if (named.length === 0) return [...scopes]
  const tools = await reader(ctx).mcpTool.findMany({
    where: {
      serverId: { in: named.map(({ serverId }) => serverId) },
      name: { in: named.map(({ name }) => name) },
      state: { not: 'removed' },
    },
    select: { serverId: true, name: true, class: true },
  })
  return scopes.map((scope) => {
    const ofServer = tools.filter(({ serverId }) => serverId === scope.serverId)
    return { ...scope, class: classOf(scope.toolName, { asked: scope.class, tools: ofServer }) }
  })
}
