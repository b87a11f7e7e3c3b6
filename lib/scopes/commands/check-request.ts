import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import type { LockedAgent } from '#lib/registry/commands.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { isBesidesTools } from '#lib/registry/schema/capabilities.ts'
import { limitKey } from '#lib/registry/schema/conditions.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import { limitsOf, type ScopeLimits } from '../rules/limits.ts'
import { expiryOf, grantable, grantCovers, refuse } from '../rules.ts'
import { besidesToolsProblem, checkBesidesToolsLimits } from '../rules/besides-tools.ts'
import { classNeeded, classOf, narrowedClass, partsOf } from '../rules/named-tools.ts'
import { requestPolicy } from '../rules/request-policy.ts'
import type { AskedClass, ScopeRefusal } from '../schema.ts'

/** What is asked for, in part. */
type WantedRequest = {
  agentId: string
  serverId: string
  /** Left out: what the tools need that are named. */
  class?: ToolClass | undefined
  toolNames: readonly string[]
  days: number | null
}

type Checked = ReturnType<typeof requestPolicy> & AskedClass

/**
 * Whether it can be asked for: the agent and the server are there, each tool that is named is one of the class, and none of it is held or asked for already: one that is refused refuses all, by its name; and whether
 * somebody can approve all of it. Returns what the approval policy says, and the class: of tools that are named no wider one than they need. `except`: the request itself, when it is one that is changed.
 */
export async function checkRequest(
  tx: Tx,
  {
    input,
    limits,
    agent,
    now,
    requesterId,
    except,
  }: {
    input: WantedRequest
    limits: ScopeLimits
    agent: LockedAgent
    now: Date
    requesterId: string
    except?: string
  },
): Promise<Result<Checked, ScopeRefusal>> {
  const server = await tx.mcpServer.findUnique({
    where: { id: input.serverId },
    select: {
      name: true,
      status: true,
      environment: true,
      sensitivity: true,
      dataClasses: true,
      tools: {
        where: { name: { in: [...input.toolNames] }, state: { not: 'removed' } },
        select: { name: true, class: true },
      },
    },
  })
  if (!server) throw serverNotFound(input.serverId)
  const possible = grantable({ agent, server })
  if (!possible.ok) return possible
  for (const toolName of input.toolNames) {
    if (isBesidesTools(toolName)) {
      const problem = besidesToolsProblem(toolName)
      if (problem) return refuse('scopes:tool_unknown', `${toolName}: ${problem}`)
      checkBesidesToolsLimits(toolName, limits)
      continue
    }
    const tool = server.tools.find(({ name }) => name === toolName)
    if (!tool) return refuse('scopes:tool_unknown', `${server.name} has no tool ${toolName}.`)
    if (input.class !== undefined && !covers(input.class, tool.class)) {
      return refuse('scopes:tool_unknown', `${toolName} is a ${tool.class} tool: ask for ${tool.class}.`)
    }
  }
  const { agentId, serverId, toolNames } = input
  const { tools } = server
  const toolClass = classNeeded({ class: input.class ?? 'destructive', toolNames }, tools)
  const grants = await tx.grant.findMany({
    where: { agentId, serverId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
    select: { class: true, toolName: true, expiresAt: true, conditions: true, rateCalls: true, ratePer: true },
  })
  const expiresAt = expiryOf(input.days, now)
  for (const toolName of partsOf(input.toolNames)) {
    const needed = classOf(toolName, { asked: toolClass, tools })
    const wanted = { class: needed, toolName, expiresAt, ...limits }
    if (grants.some((grant) => grantCovers({ ...grant, ...limitsOf(grant) }, wanted))) {
      const which = input.toolNames.length > 1 ? `${toolName}: the` : 'The'
      return refuse('scopes:already_held', `${which} agent holds this scope already.`)
    }
  }
  const pending = await tx.scopeRequest.findMany({
    where: {
      agentId,
      serverId,
      ...(input.toolNames.length > 0
        ? { toolNames: { hasSome: [...input.toolNames] } }
        : { class: toolClass, toolNames: { isEmpty: true } }),
      state: { in: ['pending', 'changes_requested'] },
      ...(except === undefined ? {} : { id: { not: except } }),
    },
    select: { toolNames: true, conditions: true, rateCalls: true, ratePer: true },
  })
  const same = pending.find((request) => limitKey(limitsOf(request)) === limitKey(limits))
  if (same) {
    const name = input.toolNames.length > 1 && same.toolNames.find((each) => input.toolNames.includes(each))
    const which = name ? `${name}: the` : 'The'
    return refuse('scopes:already_pending', `${which} same scope is asked for already and waits.`)
  }
  const facts = { ...server, class: toolClass, toolNames, tier: agent.tier, requesterId }
  const policy = requestPolicy(await readApprovalRules(tx), facts)
  if (policy.rule.apart !== undefined) return refuse('scopes:asked_apart', policy.rule.apart)
  const says = narrowedClass({ asked: input.class, needed: toolClass, toolNames })
  return ok({ ...policy, class: toolClass, says })
}
