import { checks, conventions, runChecks } from './checks.ts'

// npm run check: everything that needs no database and no browser.
const { failed } = await runChecks([...checks, conventions])
process.exitCode = failed > 0 ? 1 : 0
