import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { schemaSql } from './schema-sql.ts'

// npm run db:init-sql: rewrites the first migration from the schema. Only until the first release; afterwards a change is a new migration.
const folder = join(import.meta.dirname, '../../prisma/migrations/0001_init')
await mkdir(folder, { recursive: true })
await writeFile(join(folder, 'migration.sql'), await schemaSql())
