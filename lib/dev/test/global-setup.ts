import type { TestProject } from 'vitest/node'
import { acquireTestPostgres } from './shared-postgres.ts'
import { ensureTemplate } from './template-database.ts'

declare module 'vitest' {
  interface ProvidedContext {
    testDatabase: { serverUrl: string; template: string }
  }
}

/** Before the first database test: a running PostgreSQL and the migrated template. The connection is kept as this run's claim on both. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { url, admin } = await acquireTestPostgres()
  project.provide('testDatabase', { serverUrl: url, template: await ensureTemplate(admin, url) })
  return () => admin.end()
}
