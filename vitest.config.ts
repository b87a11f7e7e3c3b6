import { defineConfig } from 'vitest/config'

const shared = { setupFiles: ['lib/dev/test/setup.ts'] }
const excluded = ['node_modules/**', '.next/**', 'e2e/**']

export default defineConfig({
  test: {
    // Two cores are the smallest machine we support; more workers than that only queue on PostgreSQL.
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...excluded, '**/*.db.test.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'db',
          include: ['**/*.db.test.ts'],
          exclude: excluded,
          globalSetup: ['lib/dev/test/global-setup.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'client',
          include: ['**/*.client.test.tsx'],
          exclude: excluded,
        },
      },
    ],
  },
})
