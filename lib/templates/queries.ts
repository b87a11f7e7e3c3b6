import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { compareVersions } from '#lib/registry/rules.ts'
import { templateEvals, templateManifest, type TemplateRow, type TemplateView } from './schema.ts'

/** The templates of a folder, not of the database: for checks before anything is published. */
export { readTemplates } from './files.ts'

/** All templates by name, each with its newest version. Needs `templates:read`. */
export async function listTemplates(ctx: Ctx): Promise<TemplateRow[]> {
  authorize(ctx, 'templates:read')
  const templates = await reader(ctx).template.findMany({
    orderBy: { name: 'asc' },
    select: {
      id: true,
      name: true,
      summary: true,
      versions: { select: { version: true, manifest: true, publishedAt: true } },
    },
  })
  const agents = await agentsByVersion(ctx)
  return templates.flatMap((template) => {
    const newest = template.versions.toSorted((a, b) => compareVersions(b.version, a.version))[0]
    if (!newest) return []
    const { model, scopes, suggestedSchedule } = templateManifest.parse(newest.manifest)
    const using = agents.filter((row) => row.templateId === template.id)
    const count = (rows: AgentCount[]) => rows.reduce((sum, row) => sum + row.agents, 0)
    return [
      {
        id: template.id,
        name: template.name,
        summary: template.summary,
        version: newest.version,
        publishedAt: newest.publishedAt.toISOString(),
        model,
        scopes,
        suggestedSchedule,
        agents: count(using),
        agentsBehind: count(using.filter((row) => row.templateVersion !== newest.version)),
      },
    ]
  })
}

/** One version of a template, the newest when none is named. Needs `templates:read`; throws `not_found`. */
export async function getTemplate(
  ctx: Ctx,
  input: { id: string; version?: string | undefined },
): Promise<TemplateView> {
  authorize(ctx, 'templates:read')
  const rows = await reader(ctx).templateVersion.findMany({
    where: { templateId: input.id },
    select: { version: true, digest: true, publishedAt: true },
  })
  const versions = rows.toSorted((a, b) => compareVersions(b.version, a.version))
  const wanted = input.version ?? versions[0]?.version
  if (versions.length === 0 || wanted === undefined)
    throw new DomainError('not_found', `There is no template ${input.id}.`, { field: 'templateId' })
  const found = await reader(ctx).templateVersion.findUnique({
    where: { templateId_version: { templateId: input.id, version: wanted } },
  })
  if (!found)
    throw new DomainError('not_found', `The template ${input.id} has no version ${wanted}.`, {
      field: 'templateVersion',
    })
  const agents = await agentsByVersion(ctx, input.id)
  return {
    id: found.templateId,
    version: found.version,
    digest: found.digest,
    publishedAt: found.publishedAt.toISOString(),
    manifest: templateManifest.parse(found.manifest),
    prompt: found.prompt,
    changelog: found.changelog,
    evals: templateEvals.parse(found.evals),
    versions: versions.map((row) => ({
      ...row,
      publishedAt: row.publishedAt.toISOString(),
      agents: agents.find((count) => count.templateVersion === row.version)?.agents ?? 0,
    })),
  }
}

type AgentCount = { templateId: string; templateVersion: string; agents: number }

/** Agents that are not retired, by the template version their current version is made from. */
function agentsByVersion(ctx: Ctx, templateId: string | null = null): Promise<AgentCount[]> {
  return reader(ctx).$queryRaw<AgentCount[]>`
    select v."templateId", v."templateVersion", count(*)::int as agents
    from "Agent" a join "AgentVersion" v on v."agentId" = a.id and v.version = a."currentVersion"
    where a.status <> 'retired' and (${templateId}::text is null or v."templateId" = ${templateId})
    group by 1, 2`
}
