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

describe('privileges', () => {
  test('there are none, and no set-uid program gives any', async () => {
    const { run } = await arena.attacker()
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
    const { run } = await arena.attacker()
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
    const { run } = await arena.attacker()
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
    const { run } = await arena.attacker()
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
    const { run } = await arena.attacker()
    const { text } = await run(
      'cat /proc/cmdline /proc/kallsyms /proc/keys /proc/modules 2>&- | wc -c; ls /sys /proc/kcore 2>&1 | head -3; cat /proc/kcore | head -c 10 | wc -c',
    )
    expect(text).toMatch(/^0\n/)
    expect(text).toMatch(/\/sys.*No such file/)
    expect(text).toMatch(/\n0\n$/)
  })

  test('no process of the host can be signalled', async () => {
    const { run } = await arena.attacker()
    const { text } = await run(
      `kill -0 ${process.pid} && echo reached; kill -9 ${process.ppid} && echo reached; kill -9 -1; echo survived`,
    )
    expect(text).not.toContain('reached')
    expect(process.exitCode ?? 0).toBe(0)
  })
})
