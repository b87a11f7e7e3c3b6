import { defineConfig } from '@playwright/test'
import { chromiumLaunch } from './lib/dev/chromium.ts'

// The Wheelhouse under test is started by lib/dev/browser-suite.ts (npm run test:browser), which says where it is.
export default defineConfig({
  testDir: 'e2e',
  testMatch: '**/*.spec.ts',
  outputDir: 'test-results/browser',
  // One installation, one fleet: journeys take turns.
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: process.env['PLAYWRIGHT_JSON_OUTPUT_FILE'] ? [['list'], ['json']] : [['list']],
  use: {
    baseURL: process.env['WHEELHOUSE_URL'] ?? 'http://localhost:3000',
    // What fades (a toast, a dialog) is there or is not: its contrast half way says nothing.
    reducedMotion: 'reduce',
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: chromiumLaunch,
  },
})
