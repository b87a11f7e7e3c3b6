import { expect, test } from 'vitest'
import type { ProbeReport } from '../schema/probes.ts'
import { commandFindings, commandFindingsToAcknowledge, openCommandFindings } from './server-command.ts'

const command = (program: string, ...args: string[]) => ({ command: program, args, env: [] })
const kinds = (found: { kind: string }[]) => found.map(({ kind }) => kind)

test('a program that fetches what it runs is told from one that is there', () => {
  const fetching = [
    command('npx', '-y', '@acme/files@1.2.0'),
    command('/usr/local/bin/npx', 'files'),
    command('npx.cmd', 'files'),
    command('uvx', 'files@1.0'),
    command('npm', 'exec', 'files'),
    command('pnpm', '--silent', 'dlx', 'files'),
    command('uv', 'tool', 'run', 'files'),
    command('docker', 'run', '-i', 'acme/files'),
  ]
  for (const one of fetching) expect([one, kinds(commandFindings(one))]).toEqual([one, ['fetches_package']])
  const there = [command('node', 'server.mjs'), command('npm', 'start'), command('uv', '--version'), command('npxx')]
  for (const one of there) expect([one, commandFindings(one)]).toEqual([one, []])
})

test('what is accepted of a program is what it says of itself and what its last probe found', () => {
  const report = (reachable: boolean, found: string[]) =>
    ({ reachable, findings: found.map((kind) => ({ kind, note: '' })) }) as ProbeReport
  const npx = command('npx', 'files')
  expect(kinds(commandFindingsToAcknowledge(npx, null))).toEqual(['fetches_package', 'not_probed'])
  expect(kinds(commandFindingsToAcknowledge(command('node'), null))).toEqual(['not_probed'])
  expect(kinds(commandFindingsToAcknowledge(npx, report(true, ['unannotated_tools'])))).toEqual([])
  const failed = report(false, ['does_not_start', 'fetches_package'])
  expect(kinds(commandFindingsToAcknowledge(npx, failed))).toEqual(['fetches_package', 'does_not_start'])
  const refusal = { findings: ['does_not_start', 'not_probed'] }
  expect(kinds(openCommandFindings(command('node'), { report: null, refusal }))).toEqual([
    'not_probed',
    'does_not_start',
  ])
})
