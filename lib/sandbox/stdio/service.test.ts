import { expect, test } from 'vitest'
import type { Enforcement } from '../driver.ts'
import { isWorkspaceOf } from './host.ts'
import { stdioProblem } from './service.ts'

const enforces: Enforcement = { memory: 'cgroup v2', processes: 'cgroup v2', cpu: 'cgroup v2', disk: 'volume' }
const config = { stdioKey: 'key', strict: false }

test('no program runs without the key, without a host user of its own, or where limits must hold and do not', () => {
  expect(stdioProblem(config, { ownHostUser: true, enforces })).toBeNull()
  expect(stdioProblem({ ...config, stdioKey: undefined }, { ownHostUser: true, enforces })).toMatch(
    /WHEELHOUSE_STDIO_KEY/,
  )
  expect(stdioProblem(config, { ownHostUser: false, enforces })).toMatch(/as root/)
  const unheld = { ownHostUser: true, enforces: { ...enforces, memory: null } }
  expect(stdioProblem(config, unheld)).toBeNull()
  expect(stdioProblem({ ...config, strict: true }, unheld)).toMatch(/limits.*memory/)
})

test('a workspace is told from that of a server whose name begins alike', () => {
  const digest = '0123456789abcdef'
  expect(isWorkspaceOf('erp', `mcp-erp-${digest}`)).toBe(true)
  expect(isWorkspaceOf('erp', `mcp-erp-old-${digest}`)).toBe(false)
  expect(isWorkspaceOf('erp', 'session_0123456789abcdef')).toBe(false)
})
