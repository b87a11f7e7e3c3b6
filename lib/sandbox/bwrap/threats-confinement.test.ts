import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Arena, startArena } from '../testing/arena.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let arena: Arena
beforeAll(async () => {
  arena = await startArena()
})
afterEach(() => arena.settle())
afterAll(() => arena.end())

describe('the sandbox has', () => {
  test('the usual tools', async () => {
    const { run } = await arena.attacker()
    const { text } = await run(
      'for tool in bash ls git python3 node sed awk grep find tar gzip; do command -v $tool > /dev/null || echo no $tool; done; git init -q x && echo ok; python3 -c "import json, ssl, sqlite3"; node -p 1+1',
    )
    expect(text).toBe('ok\n2\n')
  })
})

describe('host files', () => {
  test('are not there, by any path', async () => {
    const { run } = await arena.attacker()
    const folders = [
      arena.folder,
      process.cwd(),
      '/root',
      '/home',
      '/var',
      '/run',
      '/sys',
      '/srv',
      '/boot',
      '/usr/local',
      '/mnt',
    ]
    const tries = folders.flatMap((folder) => [
      folder,
      `/proc/1/root${folder}`,
      `/proc/self/root${folder}`,
      `/workspace/../..${folder}`,
    ])
    const { text } = await run(tries.map((path) => `test -e '${path}' && echo 'seen ${path}'`).join('; '))
    expect(text).toBe('')
    expect((await run('cat /etc/passwd /etc/shadow | grep -c root; cat /etc/hostname')).text).toMatch(
      /^cat: .*\n1\nsandbox\n$/,
    )
  })

  test('cannot be reached through descriptors that came with the sandbox', async () => {
    const { run } = await arena.attacker()
    const { text } = await run('for process in 1 2 self; do ls -l /proc/$process/fd; done; cat /proc/*/maps')
    expect(text).not.toContain(arena.folder)
  })

  test('cannot be changed: everything but the workspace and scratch is read-only', async () => {
    const { run } = await arena.attacker()
    const { text } = await run(
      'for folder in / /usr /usr/bin /etc /opt /opt/node/bin /dev /proc /proc/sys/kernel /opt/wheelhouse; do touch $folder/x 2>&- && echo wrote $folder; done; echo x > /etc/passwd; echo x > /proc/sys/kernel/core_pattern; echo b > /proc/sysrq-trigger',
    )
    expect(text).not.toMatch(/wrote/)
    expect(text.match(/Read-only|Permission denied|No such file/g)).toHaveLength(3)
  })
})

describe('other sandboxes', () => {
  test('are invisible: their files, scratch, processes and names', async () => {
    const { run } = await arena.attacker()
    const { text } = await run(
      'cat /workspace/secret /tmp/secret /dev/shm/secret; ls /workspace /tmp /dev/shm; ls -d /proc/[0-9]* | wc -l; hostname',
    )
    expect(text).not.toContain('neighbour-secret')
    expect(text).toContain('sandbox')
    expect(Number(/^(\d+)$/m.exec(text)?.[1])).toBeLessThan(8)
  })

  test('and the user inside is nobody on the host', async () => {
    const { run } = await arena.attacker()
    expect((await run('id -u')).text).toBe('1000\n')
  })
})

describe('host environment', () => {
  test('is in no process, from the first on', async () => {
    const { run } = await arena.attacker()
    const { text } = await run('cat /proc/*/environ | tr "\\0" "\\n"; env; cat /proc/*/cmdline | tr "\\0" " "')
    expect(text).not.toContain('host-environment-secret')
    expect(text).not.toContain(arena.folder)
    for (const name of ['DATABASE_URL', 'WHEELHOUSE_ENVIRONMENT_KEY', 'ANTHROPIC_API_KEY'])
      expect(text).not.toContain(name)
  })
})

describe('the network', () => {
  test('is not there: not the host’s loopback, its addresses, its abstract sockets, the metadata address, or names', async () => {
    const server = createServer((socket) => socket.end('host-service-secret')).listen(0)
    const abstract = createServer((socket) => socket.end('host-service-secret')).listen('\0wheelhouse-threat')
    await Promise.all([once(server, 'listening'), once(abstract, 'listening')])
    const { port } = server.address() as { port: number }
    const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
    const hosts = [
      ...new Set([...own, '127.0.0.1', '::1', '169.254.169.254', '1.1.1.1', hostname(), 'localhost', 'example.com']),
    ]
    const { run } = await arena.attacker()
    const program = `const net = require('net'), dns = require('dns'), dgram = require('dgram')
const tries = ${JSON.stringify(hosts)}.map((host) => ({ host, port: ${port} })).concat({ path: '\\0wheelhouse-threat' })
for (const to of tries) net.connect(to).on('data', (data) => console.log('reached', to, String(data))).on('error', (error) => console.log('no', error.code)).setTimeout(2000, function () { this.destroy() })
dns.resolve('example.com', (error) => console.log(error ? 'no ' + error.code : 'resolved'))
const udp = dgram.createSocket('udp4'); udp.on('error', () => {}); udp.send('x', 53, '1.1.1.1', (error) => { console.log(error ? 'no udp' : 'sent udp'); udp.close() })`
    const { text } = await run(
      `node -e '${program.replaceAll("'", `'"'"'`)}'; cat /proc/net/dev | tail -n +3; cat /proc/net/route | tail -n +2`,
    )
    server.close()
    abstract.close()
    expect(text).not.toMatch(/reached|resolved|sent udp|secret/)
    expect(text.match(/^no /gm)!.length).toBe(hosts.length + 3)
    expect(text).not.toMatch(/eth|ens|wlan/)
  })
})

describe('files for the host', () => {
  test('a planted link gives the collector nothing of the host', async () => {
    const { id, run } = await arena.attacker()
    const secret = join(arena.folder, 'host-secret.txt')
    await run(`ln -s ${secret} link; ln -s ${arena.folder} folder; ln -s /etc/passwd passwd; echo fine > real`)
    const paths = ['link', 'folder/host-secret.txt', '../../../..' + secret, 'real', 'passwd']
    const found = await arena.driver.getFiles(id, paths, { bytesMax: 10_000 })
    const texts = Object.fromEntries(found.map(({ path, content }) => [path, Buffer.from(content).toString()]))
    expect(Object.keys(texts)).toEqual(['real', 'passwd'])
    expect(texts['passwd']).not.toBe(await readFile('/etc/passwd', 'utf8'))
    await expect(arena.driver.getFiles(id, ['real'], { bytesMax: 2 })).rejects.toMatchObject({ code: 'invalid' })
  })

  test('and a planted link does not lead what is put in onto the host', async () => {
    const { id, run } = await arena.attacker()
    await mkdir(join(arena.folder, 'target'), { recursive: true })
    await run(`ln -s ${arena.folder}/target out`)
    await expect(arena.driver.putFiles(id, [{ path: 'out/x', content: Buffer.from('x') }])).rejects.toMatchObject({
      code: 'invalid',
    })
    await expect(readFile(join(arena.folder, 'target', 'x'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
