import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { readTemplates, type TemplateSource } from './files.ts'
import type { SyncOutcome } from './schema.ts'

/**
 * Publishes what the folder holds and is not published yet. A published version never changes: the same number with another text is refused
 * and reported, and the rest is published all the same. Needs `templates:publish`; throws when a file of a template is wrong.
 */
export async function syncTemplates(ctx: Ctx, options: { folder: string }): Promise<SyncOutcome> {
  authorize(ctx, 'templates:publish')
  const sources = await readTemplates(options.folder)
  return inTx(ctx, async (tx, ctx) => {
    // Processes that start together take turns, so each version is published once.
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('templates:publish'))`
    const outcome: SyncOutcome = { published: [], unchanged: [], refused: [] }
    for (const source of sources) {
      const { id, version } = source.manifest
      const known = await tx.templateVersion.findUnique({
        where: { templateId_version: { templateId: id, version } },
        select: { digest: true },
      })
      if (!known) {
        await publish(tx, source, ctx.now)
        recordAudit(tx, ctx, {
          event: 'template.published',
          subject: { kind: 'template', id, name: source.manifest.name },
          detail: { version, digest: source.digest },
        })
        outcome.published.push({ id, version })
      } else if (known.digest === source.digest) outcome.unchanged.push({ id, version })
      else {
        const message = `${id} ${version} is published and its text has changed since: give the change a new version number.`
        outcome.refused.push({ id, version, rule: 'templates:published_is_final', message })
      }
    }
    return outcome
  })
}

async function publish(tx: Tx, source: TemplateSource, now: Date): Promise<void> {
  const { id, version, name, summary } = source.manifest
  await tx.template.upsert({ where: { id }, create: { id, name, summary }, update: { name, summary } })
  await tx.templateVersion.create({
    data: {
      templateId: id,
      version,
      manifest: source.manifest,
      prompt: source.prompt,
      changelog: source.changelog,
      evals: source.evals,
      digest: source.digest,
      publishedAt: now,
    },
  })
}
