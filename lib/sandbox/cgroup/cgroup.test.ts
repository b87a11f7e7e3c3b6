import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Cgroup } from './cgroup.ts'
import { createCgroup, findCgroupParents, reapCgroups } from './cgroups.ts'
import { parseOwnGroups } from './mounts.ts'

const limits = { memoryBytes: 256 << 20, processes: 64, cpus: 1.5 }

describe('where control groups are found', () => {
  test('on a host with version 2 only', () => {
    const mounts = '30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate'
    expect(parseOwnGroups(mounts, '0::/user.slice/user-1000.slice/session-2.scope\n')).toEqual({
      v1: {},
      v2: { own: '/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope', root: '/sys/fs/cgroup' },
    })
  })

  test('on a host with version 1 controllers and a version 2 tree beside them', () => {
    const mounts = [
      '35 34 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
      '36 34 0:32 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '37 34 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
      '38 34 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    ].join('\n')
    const groups = '4:memory:/service/a\n3:cpu,cpuacct:/\n2:pids:/x\n1:name=systemd:/\n0::/y\n'
    expect(parseOwnGroups(mounts, groups)).toEqual({
      v1: {
        memory: '/sys/fs/cgroup/memory/service/a',
        cpu: '/sys/fs/cgroup/cpu,cpuacct',
        pids: '/sys/fs/cgroup/pids/x',
      },
      v2: { own: '/sys/fs/cgroup/unified/y', root: '/sys/fs/cgroup/unified' },
    })
  })

  test('in a container that sees its own subtree', () => {
    const mounts = '40 39 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory'
    expect(parseOwnGroups(mounts, '4:memory:/docker/abc\n').v1).toEqual({ memory: '/sys/fs/cgroup/memory' })
  })

  test('nowhere, without a mount or without a group', () => {
    expect(parseOwnGroups('', '')).toEqual({ v1: {}, v2: null })
  })
})

describe('a version 2 group', () => {
  // The controllers may be bound to version 1 on the machine that runs this, so the files are plain ones: what is proven is what is written.
  test('is limited, read and joined by the files of version 2', async () => {
    const path = await mkdtemp(join(tmpdir(), 'wheelhouse-cgroup-'))
    onTestFinished(() => rm(path, { recursive: true, force: true }))
    const place = { version: 2, path } as const
    const group = new Cgroup({ memory: place, pids: place, cpu: place, kill: path })
    await group.limit(limits)
    const read = async (file: string): Promise<string> => await readFile(join(path, file), 'utf8')
    expect(await read('memory.max')).toBe(String(256 << 20))
    expect(await read('memory.swap.max')).toBe('0')
    expect(await read('pids.max')).toBe('64')
    expect(await read('cpu.max')).toBe('150000 100000')
    expect(group.joinFiles).toEqual([join(path, 'cgroup.procs')])
    await writeFile(join(path, 'memory.current'), '1048576\n')
    await writeFile(join(path, 'memory.events'), 'low 0\noom 2\noom_kill 1\n')
    await writeFile(join(path, 'cpu.stat'), 'usage_usec 2500000\nuser_usec 1\n')
    expect(await group.usage()).toEqual({ memoryBytes: 1 << 20, cpuMs: 2500, memoryKills: 1 })
  })
})

describe('on this machine', () => {
  test('every controller that is said to be usable really makes, limits and removes groups', async () => {
    const name = `wheelhouse-test-${process.pid}`
    const parents = await findCgroupParents({ name })
    const group = await createCgroup(parents, { name, limits })
    if (Object.keys(parents).length === 0) return expect(group).toBeNull()
    for (const path of group!.paths) expect(await readFile(join(path, 'cgroup.procs'), 'utf8')).toBe('')
    expect(await reapCgroups(parents, name)).toEqual([name])
    for (const path of group!.paths) await expect(readFile(join(path, 'cgroup.procs'))).rejects.toThrow()
  })

  test('a folder that is no control group is not taken for one', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'wheelhouse-cgroup-'))
    onTestFinished(() => rm(parent, { recursive: true, force: true }))
    await mkdir(join(parent, 'x'))
    const parents = await findCgroupParents({ name: 'trial', parent })
    expect(parents.kill).toBeUndefined()
    expect(Object.values(parents).some((place) => typeof place === 'object' && place.version === 2)).toBe(false)
  })
})
