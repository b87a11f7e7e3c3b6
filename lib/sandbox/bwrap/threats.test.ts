import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Probe, SandboxLimits } from '../driver.ts'
import { runInSandbox, type RunOutcome } from '../run.ts'
import { leftovers, type TestDriver, testDriver, testLimits } from '../testing/test-driver.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

// Every way out or into others that is known to matter here, tried on a real sandbox. After each, a neighbour must still answer and
// nothing of the attacker may be left on the host.

type Attacker = { id: string; run: (script: string, timeoutMs?: number) => Promise<RunOutcome & { text: string }> }

let sandboxes: TestDriver
let neighbour: Attacker
let probe: Probe

beforeAll(async () => {
  process.env['WHEELHOUSE_THREAT_SECRET'] = 'host-environment-secret'
  sandboxes = await testDriver()
  await writeFile(join(sandboxes.folder, 'host-secret.txt'), 'host-file-secret')
  probe = await sandboxes.driver.probe()
  assert.deepEqual(probe.problems, [])
  neighbour = await attacker()
  await neighbour.run('echo neighbour-secret | tee /workspace/secret /tmp/secret /dev/shm/secret')
})

afterAll(() => sandboxes.end())

afterEach(async () => {
  assert.equal((await neighbour.run('echo alive; cat /workspace/secret')).text, 'alive\nneighbour-secret\n')
  for (const { id } of await sandboxes.driver.list()) {
    if (id === neighbour.id) continue
    const report = await sandboxes.driver.kill(id)
    assert.deepEqual(report.survivors, [])
    assert(report.ms < 3000, `ending it took ${report.ms} ms`)
    await sandboxes.driver.discard(id)
  }
  const left = await leftovers(sandboxes.driver, sandboxes.folder)
  assert.deepEqual(
    left.filter((what) => !what.includes(neighbour.id)),
    [],
  )
})

async function attacker(limits: Partial<SandboxLimits> = {}): Promise<Attacker> {
  const { driver, id } = await sandboxes.start(limits)
  return {
    id,
    async run(script, timeoutMs = 20_000) {
      const argv = ['/bin/bash', '-c', `exec 2>&1; ${script}`] as const
      const outcome = await runInSandbox(driver, id, { argv, timeoutMs, keepBytes: 100_000 })
      return { ...outcome, text: outcome.stdout.toString() }
    },
  }
}

/** Calls the kernel directly, past every library, and prints the error numbers' names. */
function kernelCalls(calls: string): string {
  return `python3 - <<'PYTHON'
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
column = 0 if platform.machine() == 'x86_64' else 1
def call(name, numbers, *args):
    ctypes.set_errno(0)
    result = libc.syscall(numbers[column], *args)
    print(name, 'done' if result >= 0 else errno.errorcode[ctypes.get_errno()])
${calls}
PYTHON`
}

describe('the sandbox has', () => {
  test('the usual tools', async () => {
    const { run } = await attacker()
    const { text } = await run(
      'for tool in bash ls git python3 node sed awk grep find tar gzip; do command -v $tool > /dev/null || echo no $tool; done; git init -q x && echo ok; python3 -c "import json, ssl, sqlite3"; node -p 1+1',
    )
    expect(text).toBe('ok\n2\n')
  })
})

describe('host files', () => {
  test('are not there, by any path', async () => {
    const { run } = await attacker()
    const folders = [
      sandboxes.folder,
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
    const { run } = await attacker()
    const { text } = await run('for process in 1 2 self; do ls -l /proc/$process/fd; done; cat /proc/*/maps')
    expect(text).not.toContain(sandboxes.folder)
  })

  test('cannot be changed: everything but the workspace and scratch is read-only', async () => {
    const { run } = await attacker()
    const { text } = await run(
      'for folder in / /usr /usr/bin /etc /opt /opt/node/bin /dev /proc /proc/sys/kernel /opt/wheelhouse; do touch $folder/x 2>&- && echo wrote $folder; done; echo x > /etc/passwd; echo x > /proc/sys/kernel/core_pattern; echo b > /proc/sysrq-trigger',
    )
    expect(text).not.toMatch(/wrote/)
    expect(text.match(/Read-only|Permission denied|No such file/g)).toHaveLength(3)
  })
})

describe('other sandboxes', () => {
  test('are invisible: their files, scratch, processes and names', async () => {
    const { run } = await attacker()
    const { text } = await run(
      'cat /workspace/secret /tmp/secret /dev/shm/secret; ls /workspace /tmp /dev/shm; ls -d /proc/[0-9]* | wc -l; hostname',
    )
    expect(text).not.toContain('neighbour-secret')
    expect(text).toContain('sandbox')
    expect(Number(/^(\d+)$/m.exec(text)?.[1])).toBeLessThan(8)
  })

  test('and their own host user owns their files', async () => {
    const { run } = await attacker()
    expect((await run('id -u')).text).toBe('1000\n')
    expect(probe.ownHostUser).toBe(process.getuid!() === 0)
  })
})

describe('host environment', () => {
  test('is in no process, from the first on', async () => {
    const { run } = await attacker()
    const { text } = await run('cat /proc/*/environ | tr "\\0" "\\n"; env; cat /proc/*/cmdline | tr "\\0" " "')
    expect(text).not.toContain('host-environment-secret')
    expect(text).not.toContain(sandboxes.folder)
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
    const { run } = await attacker()
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
    const { id, run } = await attacker()
    const secret = join(sandboxes.folder, 'host-secret.txt')
    await run(`ln -s ${secret} link; ln -s ${sandboxes.folder} folder; ln -s /etc/passwd passwd; echo fine > real`)
    const paths = ['link', 'folder/host-secret.txt', '../../../..' + secret, 'real', 'passwd']
    const found = await sandboxes.driver.getFiles(id, paths, { bytesMax: 10_000 })
    const texts = Object.fromEntries(found.map(({ path, content }) => [path, Buffer.from(content).toString()]))
    expect(Object.keys(texts)).toEqual(['real', 'passwd'])
    expect(texts['passwd']).not.toBe(await readFile('/etc/passwd', 'utf8'))
    await expect(sandboxes.driver.getFiles(id, ['real'], { bytesMax: 2 })).rejects.toMatchObject({ code: 'invalid' })
  })

  test('and a planted link does not lead what is put in onto the host', async () => {
    const { id, run } = await attacker()
    await mkdir(join(sandboxes.folder, 'target'), { recursive: true })
    await run(`ln -s ${sandboxes.folder}/target out`)
    await expect(sandboxes.driver.putFiles(id, [{ path: 'out/x', content: Buffer.from('x') }])).rejects.toMatchObject({
      code: 'invalid',
    })
    await expect(readFile(join(sandboxes.folder, 'target', 'x'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('privileges', () => {
  test('there are none, and no set-uid program gives any', async () => {
    const { run } = await attacker()
    const { text } = await run(
      'grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; cp /bin/bash /workspace/sh; chmod 6755 sh; ./sh -p -c "id -u"; su -c id; sudo -n id; mount --version > /dev/null',
    )
    expect(text).toMatch(/CapEff:\t0+\n/)
    expect(text).toMatch(/CapBnd:\t0+\n/)
    expect(text).toMatch(/NoNewPrivs:\t1/)
    expect(text).toMatch(/Seccomp:\t2/)
    expect(text).toMatch(/^1000$/m)
    expect(text).not.toMatch(/uid=0/)
  })

  test('no namespace, mount, chroot or entering others', async () => {
    const { run } = await attacker()
    const tries = [
      'unshare -U true',
      'unshare -m true',
      'unshare -n true',
      'mount -t tmpfs x /tmp',
      'mount --bind /usr /tmp',
      'umount /proc',
      'chroot / true',
      'nsenter -t 1 -m true',
      'nsenter -t 1 -U true',
      'pivot_root . .',
      'bwrap --ro-bind / / true',
      'hostname other',
      'date -s 2001-01-01',
      'renice -n -5 $$',
      'dmesg',
    ]
    const { text } = await run(
      tries.map((attempt) => `(${attempt}) > /dev/null 2>&1 && echo 'worked: ${attempt}'`).join('; '),
    )
    expect(text).toBe('')
  })

  test('no device: none is there, none can be made, none can be opened from the disk', async () => {
    const { run } = await attacker()
    const { text } = await run(
      'mknod m c 1 1 && echo made; mknod b b 254 0 && echo made; mknod ok p && echo pipe; ls /dev',
    )
    expect(text).not.toContain('made')
    expect(text).toContain('pipe')
    expect(text.split('pipe\n')[1]!.split('\n').filter(Boolean).toSorted()).toEqual(
      [
        'core',
        'fd',
        'full',
        'null',
        'ptmx',
        'pts',
        'random',
        'shm',
        'stderr',
        'stdin',
        'stdout',
        'tty',
        'urandom',
        'zero',
      ].filter((name) => text.includes(name)),
    )
  })

  test('no dangerous part of the kernel answers', async () => {
    const { run } = await attacker()
    const { text } = await run(
      kernelCalls(`
call('bpf', (321, 280), 0, 0, 0)
call('keyctl', (250, 219), 0, -3, 1)
call('add_key', (248, 217), b'user', b'x', b'x', 1, -3)
call('io_uring_setup', (425, 425), 1, 0)
call('userfaultfd', (323, 282), 0)
call('perf_event_open', (298, 241), 0, 0, -1, -1, 0)
call('ptrace', (101, 117), 16, 1, 0, 0)
call('process_vm_readv', (310, 270), 1, 0, 0, 0, 0, 0)
call('pidfd_getfd', (438, 438), 0, 0, 0)
call('open_by_handle_at', (304, 265), 0, 0, 0)
call('unshare', (272, 97), 0x10000000)
call('setns', (308, 268), 0, 0)
call('fsopen', (430, 430), b'tmpfs', 0)
call('init_module', (175, 105), 0, 0, b'')
call('syslog', (103, 116), 3, 0, 0)
call('clone into a user namespace', (56, 220), 0x10000000 | 17, 0, 0, 0, 0)
call('clone3', (435, 435), 0, 0)
call('unknown', (1000, 1000), 0)
for family in (15, 17, 29, 31, 38, 40, 43, 44):
    call('socket', (41, 198), family, 1, 0)
call('raw socket', (41, 198), 2, 3, 255)
call('sctp socket', (41, 198), 2, 1, 132)
call('audit netlink', (41, 198), 16, 3, 9)
`),
    )
    const answers = text.trim().split('\n')
    expect(answers).toHaveLength(29)
    for (const answer of answers) expect(answer).toMatch(/ (EPERM|ENOSYS|EAFNOSUPPORT)$/)
    expect(answers.filter((line) => line.startsWith('socket')).every((line) => line.endsWith('EAFNOSUPPORT'))).toBe(
      true,
    )
  })

  test('the kernel tells little about the host', async () => {
    const { run } = await attacker()
    const { text } = await run(
      'cat /proc/cmdline /proc/kallsyms /proc/keys /proc/modules 2>&- | wc -c; ls /sys /proc/kcore 2>&1 | head -3; cat /proc/kcore | head -c 10 | wc -c',
    )
    expect(text).toMatch(/^0\n/)
    expect(text).toMatch(/\/sys.*No such file/)
    expect(text).toMatch(/\n0\n$/)
  })

  test('no process of the host can be signalled', async () => {
    const { run } = await attacker()
    const { text } = await run(
      `kill -0 ${process.pid} && echo reached; kill -9 ${process.ppid} && echo reached; kill -9 -1; echo survived`,
    )
    expect(text).not.toContain('reached')
    expect(process.exitCode ?? 0).toBe(0)
  })
})

describe('resources', () => {
  test('a fork bomb stays in its sandbox and ends with it', async () => {
    const { id, run } = await attacker({ processes: 64 })
    const bomb = run('bomb() { bomb | bomb & }; bomb; sleep 2', 3000)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const { processes } = await sandboxes.driver.stats(id)
    expect(processes).toBeLessThanOrEqual(64 + 16)
    expect((await neighbour.run('echo well')).text).toBe('well\n')
    await bomb
  })

  test('memory is bounded in one process', async () => {
    const { run } = await attacker({ memoryBytes: 160 << 20 })
    const outcome = await run(
      `node -e 'const all = []; for (let n = 0; n < 90; n++) all.push(Buffer.alloc(8 << 20, 1)); console.log("took it all")'`,
    )
    expect(outcome.text).not.toContain('took it all')
  })

  test('memory is bounded in many processes and in scratch files together', async () => {
    const { run } = await attacker({ memoryBytes: 160 << 20, scratchBytes: 128 << 20 })
    const hog = `node -e 'const b = Buffer.alloc(60 << 20, 1); setTimeout(() => console.log("kept", b.length), 1000)'`
    const outcome = await run(`head -c 60M /dev/zero > /tmp/fill; ${hog} & ${hog} & ${hog} & wait; echo over`)
    // Without control groups only single processes are bounded, and the probe has to say so.
    const kept = outcome.text.match(/^kept/gm)?.length ?? 0
    expect(probe.enforces.memory?.startsWith('cgroup') ? kept < 3 : probe.enforces.memory === 'per process').toBe(true)
  })

  test('an endless output is cut off, and costs the service little', async () => {
    const { run } = await attacker()
    const before = process.memoryUsage().rss
    const outcome = await run('yes "$(head -c 4000 /dev/zero | tr "\\0" x)"')
    expect(outcome.ended).toBe('output')
    expect(outcome.stdout.length).toBeLessThan(101_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20)
  })

  test('the disk, scratch and single files are bounded', async () => {
    const { run } = await attacker()
    const { text } = await run(
      'for at in /workspace /tmp /dev/shm; do for n in 1 2 3; do head -c 23M /dev/zero > $at/$n || true; done; du -sm $at | cut -f1; rm -f $at/?; done',
    )
    const [workspace, scratch, shared] = text
      .split('\n')
      .filter((line) => /^\d+$/.test(line))
      .map(Number)
    expect(scratch).toBeLessThanOrEqual(testLimits.scratchBytes >> 20)
    expect(shared).toBeLessThanOrEqual(testLimits.scratchBytes >> 20)
    // A folder without a volume is bounded by nothing but the size of each file, and the probe has to say so.
    expect(workspace).toBeLessThanOrEqual(
      probe.enforces.disk ? testLimits.diskBytes >> 20 : 3 * (testLimits.fileBytes >> 20),
    )
    const big = await run('head -c 30M /dev/zero > /workspace/big; stat -c %s /workspace/big')
    expect(Number(big.text.trim().split('\n').at(-1))).toBeLessThanOrEqual(testLimits.fileBytes)
  })

  test('open files, CPU time and wall time are bounded', async () => {
    const { run } = await attacker({ openFiles: 128, cpuSeconds: 1 })
    expect(
      (
        await run(
          'python3 -c "[open(\'/dev/null\') for _ in range(1000)]; import os" 2>&1 | tail -1; ulimit -n 4096 2>&1',
        )
      ).text,
    ).toMatch(/Too many open files.*\n.*(not permitted|Invalid)/)
    const busy = await run('node -e "for (;;);"; echo code $?')
    expect(busy.text).toMatch(/code 1(37|52)/)
    const idle = await run('sleep 60', 300)
    expect(idle.ended).toBe('timeout')
  })
})

describe('the end of a session', () => {
  test('ends daemons that forked twice, ignore every signal and left their group and session', async () => {
    const { id, run } = await attacker()
    await run(
      `for n in 1 2 3; do (setsid bash -c 'trap "" TERM INT HUP QUIT USR1 USR2; (while :; do sleep 1; done) & wait' > /dev/null 2>&1 < /dev/null &) ; done`,
    )
    expect((await sandboxes.driver.stats(id)).processes).toBeGreaterThan(6)
    const report = await sandboxes.driver.kill(id)
    expect(report.processes).toBeGreaterThan(6)
    expect(report).toMatchObject({ survivors: [] })
    // Milliseconds when idle; the machine of a test may be very busy.
    expect(report.ms).toBeLessThan(3000)
  })

  test('is survived by the workspace, not by scratch or processes', async () => {
    const { id, run } = await attacker()
    await run('echo kept > kept; echo gone > /tmp/gone; sleep 1000 &')
    await sandboxes.driver.kill(id)
    await sandboxes.driver.create({ id: `${id}2`, workspace: id, limits: testLimits })
    const argv = ['/bin/bash', '-c', 'cat kept; ls /tmp; ps -e -o comm=; ls -A'] as const
    const { stdout } = await runInSandbox(sandboxes.driver, `${id}2`, { argv, timeoutMs: 5000, keepBytes: 1000 })
    expect(stdout.toString()).toMatch(/^kept\n/)
    expect(stdout.toString()).not.toMatch(/gone|sleep|lost/)
  })

  test('one workspace has one sandbox at a time', async () => {
    const { driver } = sandboxes
    const spec = { workspace: 'shared', limits: testLimits }
    const outcomes = await Promise.allSettled([
      driver.create({ ...spec, id: 'first' }),
      driver.create({ ...spec, id: 'second' }),
    ])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })

  test('killing the supervisor ends the sandbox, cleanly', async () => {
    const { id, run } = await attacker()
    const outcome = await run('kill -9 2; sleep 5')
    expect(outcome.exit).toMatchObject({ kind: 'lost' })
    expect((await sandboxes.driver.list()).some((sandbox) => sandbox.id === id)).toBe(false)
  })
})
