import { inject, test } from 'vitest'
import { createDb, type Db } from '#lib/db/client.ts'
import { cloneTemplate } from './template-database.ts'
import './global-setup.ts'

type Database = { db: Db; databaseUrl: string }

/**
 * A test on a real, fully migrated PostgreSQL database that its file has to itself: `dbTest('…', async ({ db, databaseUrl }) => …)`.
 * The database is made for the first test of a file and dropped after the last; tests of one file share it and run in order.
 */
export const dbTest = test
  .extend('database', { scope: 'file' }, async ({}, { onCleanup }): Promise<Database> => {
    const { serverUrl, template } = inject('testDatabase')
    const { databaseUrl, drop } = await cloneTemplate(serverUrl, template)
    // A test may hold a transaction open until something else has happened, and fill tables at once, on a busy machine for long.
    const db = createDb(databaseUrl, { poolSize: 6, answerMs: 300_000, idleMs: 120_000 })
    onCleanup(async () => {
      await db.$disconnect()
      await drop()
    })
    return { db, databaseUrl }
  })
  .extend('db', { scope: 'file' }, ({ database }): Db => database.db)
  .extend('databaseUrl', { scope: 'file' }, ({ database }): string => database.databaseUrl)
