import { defineConfig } from 'vitest/config'

// A second, the default, is too short to wait for something on a busy machine.
const shared = { setupFiles: ['lib/dev/test/setup.ts'], expect: { poll: { timeout: 15_000 } } }
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
          // A property tried a hundred times takes long on a busy machine, and no test is about that.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'db',
          include: ['**/*.db.test.ts'],
          exclude: excluded,
          globalSetup: ['lib/dev/test/global-setup.ts'],
          // Generous: what starts servers and processes takes long on a busy machine, and no test is about that.
          testTimeout: 60_000,
          hookTimeout: 90_000,
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
