import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePorts } from '#lib/dev/ports.ts'
import { loadSecrets, lockHome, openHome } from './home.ts'
import { readable } from './output.ts'
import { checkPorts } from './ports.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'wheelhouse-home-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

describe('secrets', () => {
  test('are made once, for the owner alone', async () => {
    const first = await loadSecrets(home, {})
    expect((await stat(join(home, 'secrets.json'))).mode & 0o777).toBe(0o600)
    expect(Buffer.from(first.WHEELHOUSE_ENCRYPTION_KEY, 'base64')).toHaveLength(32)
    expect(await loadSecrets(home, {})).toEqual(first)
  })

  test('given by the environment win and are not written down', async () => {
    const secrets = await loadSecrets(home, { WHEELHOUSE_CLAUDE_KEY: 'given-by-the-operator' })
    expect(secrets.WHEELHOUSE_CLAUDE_KEY).toBe('given-by-the-operator')
    expect(await readFile(join(home, 'secrets.json'), 'utf8')).not.toContain('given-by-the-operator')
  })

  test('a damaged file is never replaced, because what is encrypted would be lost', async () => {
    await writeFile(join(home, 'secrets.json'), '{"WHEELHOUSE')
    await expect(loadSecrets(home, {})).rejects.toThrow(/damaged/)
  })

  test('a file that cannot be read is not replaced either', async () => {
    const path = join(home, 'secrets.json')
    await symlink('secrets.json', path)
    await expect(loadSecrets(home, {})).rejects.toThrow(/cannot be read/)
    expect((await lstat(path)).isSymbolicLink()).toBe(true)
  })
})

describe('the lock on a data folder', () => {
  test('a second start is refused and told which variable helps', async () => {
    await openHome(home)
    const other = spawn(
      process.execPath,
      ['-e', 'setInterval(() => {}, 1000); console.log("up")', '--', 'lib/dev/start.ts'],
      { stdio: 'pipe' },
    )
    await once(other.stdout, 'data')
    await writeFile(join(home, 'start.pid'), String(other.pid))
    await expect(lockHome(home)).rejects.toThrow(/already running.*WHEELHOUSE_HOME/)
    other.kill('SIGKILL')
    await once(other, 'close')
    await lockHome(home)
    expect(await readFile(join(home, 'start.pid'), 'utf8')).toBe(String(process.pid))
  })

  test('goes with the program that took it', async () => {
    const homeModule = pathToFileURL(join(import.meta.dirname, 'home.ts')).href
    const script = `import { lockHome } from '${homeModule}'; await lockHome(${JSON.stringify(home)})`
    const program = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
    await once(program, 'close')
    await expect(stat(join(home, 'start.pid'))).rejects.toThrow(/ENOENT/)
  })
})

describe('ports', () => {
  test('a taken port names its variable, all of them at once', async () => {
    const [first = 0, second = 0] = await freePorts([1, 1])
    const server = createServer().listen(first, '127.0.0.1')
    await once(server, 'listening')
    const ports = [
      { variable: 'WHEELHOUSE_PORTAL_PORT', port: first },
      { variable: 'WHEELHOUSE_BROKER_PORT', port: second },
      { variable: 'WHEELHOUSE_CLAUDE_PORT', port: second },
    ]
    await expect(checkPorts(ports, '127.0.0.1')).rejects.toThrow(
      /taken by another program. Set WHEELHOUSE_PORTAL_PORT[^]*wanted by WHEELHOUSE_BROKER_PORT and WHEELHOUSE_CLAUDE_PORT/,
    )
    server.close()
    await once(server, 'close')
    await checkPorts([ports[0]!, ports[1]!], '127.0.0.1')
  })
})

describe('the terminal', () => {
  test('shows JSON log lines readably and anything else as it is', () => {
    expect(readable('{"level":30,"time":"t","process":"broker","msg":"listening","port":7400}')).toBe(
      'info listening port=7400',
    )
    expect(readable('{"level":50,"err":{"stack":"Error: x\\n  at y"},"msg":"failed"}')).toBe(
      'error failed\nError: x\n  at y',
    )
    expect(readable('{not json')).toBe('{not json')
    expect(readable('{"a":1}')).toBe('{"a":1}')
  })
})
