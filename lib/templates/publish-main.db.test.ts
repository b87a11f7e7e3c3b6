import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { readTemplates } from './queries.ts'

const program = join(import.meta.dirname, 'publish-main.ts')

async function publish(databaseUrl: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const run = promisify(execFile)(process.execPath, [program], { env: { ...process.env, DATABASE_URL: databaseUrl } })
  return await run.then(
    (said) => ({ code: 0, ...said }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  )
}

dbTest(
  'an installation without the start program publishes the golden templates, and is told which it may not',
  async ({ database: { db, databaseUrl } }) => {
    const [taken, ...others] = await readTemplates(join(import.meta.dirname, '../../templates'))
    const { manifest, prompt, changelog, evals } = taken!
    const { id, version, name, summary } = manifest
    await db.template.create({ data: { id, name, summary } })
    const published = { templateId: id, version, manifest, prompt, changelog, evals, publishedAt: new Date() }
    await db.templateVersion.create({ data: { ...published, digest: 'of another text' } })

    const first = await publish(databaseUrl)
    expect(first).toMatchObject({ code: 1, stderr: expect.stringContaining(`${id} ${version} is published`) as string })
    for (const { manifest } of others) expect(first.stdout).toContain(`${manifest.id} ${manifest.version}`)
    const versions = await db.templateVersion.findMany({ select: { templateId: true } })
    expect(versions).toHaveLength(others.length + 1)
    expect((await publish(databaseUrl)).stdout).toBe('Nothing to publish.\n')
    expect(await publish('')).toMatchObject({ code: 1, stderr: expect.stringContaining('DATABASE_URL') as string })
  },
)
