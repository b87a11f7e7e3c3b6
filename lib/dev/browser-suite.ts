import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { withOwnProduct } from './own-product.ts'
import { root } from './source-files.ts'

/**
 * Runs the browser journeys on a Wheelhouse of their own. Further arguments go to Playwright. Resolves to Playwright's exit code; the
 * results are in `resultsFile` as its JSON.
 */
export async function runBrowserSuite(options: { args: string[]; resultsFile: string }): Promise<number> {
  const args = [join(root, 'node_modules/@playwright/test/cli.js'), 'test', ...options.args]
  return await withOwnProduct((env) => {
    const playwright = spawn(process.execPath, args, {
      cwd: root,
      env: { ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: options.resultsFile },
      stdio: 'inherit',
    })
    return new Promise((resolve, reject) =>
      playwright.once('error', reject).once('close', (code) => resolve(code ?? 1)),
    )
  })
}

if (import.meta.main) {
  const resultsFile = join(root, 'test-results/browser.json')
  process.exitCode = await runBrowserSuite({ args: process.argv.slice(2), resultsFile })
}
