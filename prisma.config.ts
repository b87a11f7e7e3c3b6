import { defineConfig } from 'prisma/config'

// No datasource: the processes read DATABASE_URL themselves (lib/config), and migrations are applied by lib/db/migrate.ts.
export default defineConfig({
  schema: 'prisma/schema',
  migrations: { path: 'prisma/migrations' },
})
