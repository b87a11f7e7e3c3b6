import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { checkExternalDatabase } from './external-database.ts'

dbTest('a database that answers is accepted', async ({ databaseUrl }) => {
  await expect(checkExternalDatabase(databaseUrl)).resolves.toBeUndefined()
})

dbTest('a wrong password, database or address names the variable and never the password', async ({ databaseUrl }) => {
  const wrong = [new URL(databaseUrl), new URL(databaseUrl), new URL(databaseUrl)]
  wrong[0]!.password = 'not-the-password'
  wrong[1]!.pathname = '/no_such_database'
  wrong[2]!.port = '1'
  for (const url of wrong) {
    const message = await checkExternalDatabase(url.href).then(
      () => '',
      (error: Error) => error.message,
    )
    expect(message).toMatch(/^The database at DATABASE_URL cannot be used: .+/)
    expect(message).not.toContain(url.password)
  }
})
