import { pathToFileURL } from 'node:url'
import { parsePortalConfig } from '#lib/config/portal.ts'
import { buildAlone, root } from './build-alone.ts'
import { portalArguments } from './processes.ts'

// npm run portal: the portal alone, where its variables say; it is built first, unless these sources are.
try {
  const config = parsePortalConfig(process.env)
  process.env['WHEELHOUSE_BUILD'] = await buildAlone()
  process.chdir(root)
  const [next = '', ...rest] = portalArguments(root, 'start', config)
  process.argv.splice(1, Infinity, next, ...rest)
  await import(pathToFileURL(next).href)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
