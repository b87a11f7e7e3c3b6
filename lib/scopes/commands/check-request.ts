import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import type { LockedAgent } from '#lib/registry/commands.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { isBesidesTools } from '#lib/registry/schema/capabilities.ts'
import { limitKey } from '#lib/registry/schema/conditions.ts'
import type { ApprovalFacts } from '../rules/approval-policy.ts'
import { limitsOf, type ScopeLimits } from '../rules/limits.ts'
import { expiryOf, grantable, grantCovers, refuse } from '../rules.ts'
import { besidesToolsProblem, checkBesidesToolsLimits } from '../rules/besides-tools.ts'
import type { ScopeRefusal } from '../schema.ts'

/** What is asked for, in part. */
type WantedRequest = {
  agentId: string
  serverId: string
  class: ToolClass
  toolName: string | null
  days: number | null
}

/**
 * Whether it can be asked for: the agent and the server are there, the tool is one of the class, and it is neither held nor asked for already. Returns what the approval
 * policy is asked about. `except`: the request itself, when it is one that is changed.
 */
export async function checkRequest(
  tx: Tx,
  {
    input,
    limits,
    agent,
    now,
    except,
  }: { input: WantedRequest; limits: ScopeLimits; agent: LockedAgent; now: Date; except?: string },
): Promise<Result<Pick<ApprovalFacts, 'environment' | 'sensitivity' | 'dataClasses'>, ScopeRefusal>> {
  const server = await tx.mcpServer.findUnique({
    where: { id: input.serverId },
    select: {
      name: true,
      status: true,
      environment: true,
      sensitivity: true,
      dataClasses: true,
      tools: { where: { name: input.toolName ?? '', state: { not: 'removed' } }, select: { class: true } },
    },
  })
  if (!server) throw serverNotFound(input.serverId)
  const possible = grantable({ agent, server })
  if (!possible.ok) return possible
  if (isBesidesTools(input.toolName)) {
    const problem = besidesToolsProblem(input)
    if (problem) return refuse('scopes:tool_unknown', problem)
    checkBesidesToolsLimits(input.toolName, limits)
  } else if (input.toolName !== null) {
    const tool = server.tools[0]
    if (!tool) return refuse('scopes:tool_unknown', `${server.name} has no tool ${input.toolName}.`)
    if (!covers(input.class, tool.class)) {
      const message = `${input.toolName} is a ${tool.class} tool: ask for ${tool.class}.`
      return refuse('scopes:tool_unknown', message)
    }
  }
  const { agentId, serverId, toolName } = input
  const grants = await tx.grant.findMany({
    where: { agentId, serverId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
    select: { class: true, toolName: true, expiresAt: true, conditions: true, rateCalls: true, ratePer: true },
  })
  const wanted = { class: input.class, toolName, expiresAt: expiryOf(input.days, now), ...limits }
  if (grants.some((grant) => grantCovers({ ...grant, ...limitsOf(grant) }, wanted)))
    return refuse('scopes:already_held', 'The agent holds this scope already.')
  const pending = await tx.scopeRequest.findMany({
    where: {
      agentId,
      serverId,
      class: input.class,
      toolName,
      state: { in: ['pending', 'changes_requested'] },
      ...(except === undefined ? {} : { id: { not: except } }),
    },
    select: { conditions: true, rateCalls: true, ratePer: true },
  })
  return pending.some((request) => limitKey(limitsOf(request)) === limitKey(limits))
    ? refuse('scopes:already_pending', 'The same scope is asked for already and waits.')
    : ok({ environment: server.environment, sensitivity: server.sensitivity, dataClasses: server.dataClasses })
}
