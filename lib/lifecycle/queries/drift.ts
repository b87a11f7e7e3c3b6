import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { canonicalJson } from '#lib/core/canonical-json.ts'
import { DomainError } from '#lib/core/errors.ts'
import { lineDiff } from '#lib/core/line-diff.ts'
import { compareVersions } from '#lib/registry/rules.ts'
import { driftOf } from '#lib/registry/rules/drift.ts'
import type { AgentLayer } from '#lib/registry/schema.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import { renderAgentVersion } from '#lib/templates/rules.ts'
import type { RenderedAgent, TemplateView } from '#lib/templates/schema.ts'
import { heldServers } from '../held-servers.ts'
import { changesOf } from '../rules/changelog.ts'
import type { TemplateDrift } from '../schema/drift.ts'

/**
 * How far an agent is behind its template, what was published since, and what Claude would be given at the newest version with the layer it
 * has. Needs `agents:read` and `templates:read`; throws `not_found`.
 */
export async function templateDrift(ctx: Ctx, agentId: string): Promise<TemplateDrift> {
  authorize(ctx, 'agents:read')
  const db = reader(ctx)
  const agent = await db.agent.findUnique({ where: { id: agentId }, select: { currentVersion: true } })
  if (!agent) throw new DomainError('not_found', `There is no agent ${agentId}.`)
  const current = await db.agentVersion.findUniqueOrThrow({
    where: { agentId_version: { agentId, version: agent.currentVersion } },
    select: { templateId: true, templateVersion: true, layer: true, rendered: true },
  })
  const newest = await getTemplate(ctx, { id: current.templateId })
  const since = newest.versions.filter(({ version }) => compareVersions(version, current.templateVersion) > 0)
  const isBehind = since.length > 0
  return {
    agentId,
    template: { id: newest.id, name: newest.manifest.name },
    current: current.templateVersion,
    newest: newest.version,
    behind: driftOf(current.templateVersion, newest.version),
    versions: since.map(({ version, publishedAt }) => ({
      version,
      publishedAt,
      changes: changesOf(newest.changelog, version),
    })),
    ...(isBehind
      ? difference(current.rendered as RenderedAgent, {
          template: newest,
          layer: current.layer as AgentLayer,
          servers: await heldServers(db, { agentId, now: ctx.now }),
        })
      : { diff: [], problem: null }),
  }
}

function difference(
  now: RenderedAgent,
  then: { template: TemplateView; layer: AgentLayer; servers: readonly string[] },
): Pick<TemplateDrift, 'diff' | 'problem'> {
  try {
    const { rendered } = renderAgentVersion(then)
    return { diff: lineDiff(textOf(now), textOf(rendered)), problem: null }
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'invalid') throw error
    return { diff: null, problem: error.message }
  }
}

/** The prompt as it is, then everything else, a line for each part; the database keeps the members in an order of its own. */
function textOf({ system, ...rest }: RenderedAgent): string {
  return `${system.trimEnd()}\n\n${JSON.stringify(JSON.parse(canonicalJson(rest)), null, 2)}`
}
