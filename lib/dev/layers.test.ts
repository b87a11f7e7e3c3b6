import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { root } from './source-files.ts'

// Each line breaks one rule of .dependency-cruiser.mjs; a rule that no longer bites would go unnoticed otherwise.
const violations = [
  { rule: 'layer-core-config-log-db', from: 'lib/core/a.ts', imports: '../registry/queries.ts' },
  { rule: 'layer-auth-audit-jobs', from: 'lib/audit/b.ts', imports: '../registry/queries.ts' },
  { rule: 'layer-harness', from: 'lib/harness/c.ts', imports: '../web/route.ts' },
  { rule: 'door-registry', from: 'lib/harness/d.ts', imports: '../registry/private.ts' },
  { rule: 'door-registry', from: 'app/page.tsx', imports: '../lib/registry/private.ts' },
  { rule: 'processes-are-started', from: 'app/e.tsx', imports: '../lib/broker/pipeline.ts' },
  { rule: 'process-broker', from: 'lib/broker/f.ts', imports: '../sandbox/driver.ts' },
  { rule: 'process-claude-embedded', from: 'lib/claude/embedded/g.ts', imports: '../../broker/pipeline.ts' },
  { rule: 'web-and-api-apart', from: 'lib/api/h.ts', imports: '../web/route.ts' },
  { rule: 'web-below-pages', from: 'lib/web/i.ts', imports: '../../app/page.tsx' },
  { rule: 'pages-do-not-know-development', from: 'app/j.tsx', imports: '../lib/dev/helper.ts' },
  { rule: 'schemas-fit-the-browser', from: 'lib/registry/schema.ts', imports: './private.ts' },
  { rule: 'rules-are-pure', from: 'lib/registry/rules.ts', imports: '../db/client.ts' },
  { rule: 'browser-code-stays-in-the-browser', from: 'components/k.client.tsx', imports: '../lib/registry/queries.ts' },
  {
    rule: 'frame-is-light',
    from: 'components/shell/m.client.tsx',
    imports: '../../lib/guardrails/rules/explain.ts',
  },
  { rule: 'no-cycles', from: 'lib/core/circle.ts', imports: './round.ts' },
  { rule: 'resolves', from: 'lib/core/l.ts', imports: './missing.ts' },
]
const innocent = [
  'lib/registry/queries.ts',
  'lib/registry/private.ts',
  'lib/web/route.ts',
  'lib/broker/pipeline.ts',
  'lib/sandbox/driver.ts',
  'lib/dev/helper.ts',
  'lib/guardrails/rules/explain.ts',
  'lib/db/client.ts',
]

const report = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string(), severity: z.string() }) })),
  }),
})

let folder: string
let found: { from: string; rule: string; severity: string }[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelhouse-layers-'))
  for (const path of innocent) await write(path, 'export const value = 1\n')
  for (const { from, imports } of violations) {
    await write(from, `import { value } from '${imports}'\nexport const used = value\nexport { value }\n`)
  }
  await write(
    'lib/core/round.ts',
    `import { used } from './circle.ts'\nexport const value = 1\nexport const circle = () => used\n`,
  )
  await cp(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'))
  found = await cruise()
}, 60_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

test.each(violations)('$from importing $imports breaks $rule', ({ rule, from }) => {
  expect(found).toContainEqual({ from, rule, severity: 'error' })
})

test('what breaks no rule is not reported', () => {
  expect(found.filter(({ from }) => innocent.includes(from))).toEqual([])
})

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), text)
}

async function cruise(): Promise<typeof found> {
  const program = join(root, 'node_modules/.bin/depcruise')
  const args = [
    program,
    '--config',
    join(root, '.dependency-cruiser.mjs'),
    '--output-type',
    'json',
    'app',
    'components',
    'lib',
  ]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  const { violations: list } = report.parse(JSON.parse(text)).summary
  return list.map(({ from, rule }) => ({ from, rule: rule.name, severity: rule.severity }))
}
