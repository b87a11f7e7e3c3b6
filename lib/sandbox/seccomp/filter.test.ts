import { describe, expect, test } from 'vitest'
import { encodeProgram, type Instruction, verdicts } from './bpf.ts'
import { seccompInstructions, seccompProgramFor } from './filter.ts'
import { architectures, refused } from './syscalls.ts'

type Call = { nr: number; arch?: number; args?: number[] }

/** Interprets a program as the kernel does (net/core/filter.c), so that a verdict can be asked without making the call. */
function judge(program: readonly Instruction[], call: Call): number {
  let accumulator = 0
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!
    if (code === 0x20) accumulator = k === 0 ? call.nr : k === 4 ? call.arch! : (call.args?.[(k - 16) / 8] ?? 0)
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0
    else if (code === 0x06) return k
    else if (code === 0x15) at += accumulator === k ? jt : jf
    else if (code === 0x25) at += accumulator > k ? jt : jf
    else if (code === 0x45) at += accumulator & k ? jt : jf
    else throw new Error(`unknown instruction ${code}`)
  }
  throw new Error('fell off the end')
}

const { allow, killProcess, errno } = verdicts
const x64 = seccompInstructions('x64')
const ask = (call: Call): number => judge(x64, { arch: architectures.x64.audit, ...call })

describe('the system call filter', () => {
  test('ordinary calls pass', () => {
    for (const nr of [0, 1, 2, 9, 57, 59, 231, 257, 334]) expect(ask({ nr })).toBe(allow)
  })

  test('a call of a foreign architecture kills the process', () => {
    expect(ask({ nr: 0, arch: 0x40000003 })).toBe(killProcess)
  })

  test('calls newer than the list, and the x32 numbers, do not exist', () => {
    expect(ask({ nr: 470 })).toBe(errno(38))
    expect(ask({ nr: 0x40000000 + 1 })).toBe(errno(38))
    expect(ask({ nr: 435 })).toBe(errno(38))
  })

  test.each(Object.entries(refused))('%s is refused on both architectures', (_, [onX64, onArm64]) => {
    if (onX64 !== null) expect(ask({ nr: onX64 })).toBe(errno(1))
    if (onArm64 !== null) {
      const call = { nr: onArm64, arch: architectures.arm64.audit }
      expect(judge(seccompInstructions('arm64'), call)).toBe(errno(1))
    }
  })

  test('processes and threads may be made, namespaces may not', () => {
    expect(ask({ nr: 56, args: [0x01200011] })).toBe(allow)
    for (const flag of [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
      expect(ask({ nr: 56, args: [flag | 17] })).toBe(errno(1))
  })

  test('only local and internet sockets exist, with ordinary transports', () => {
    const socket = (...args: number[]): number => ask({ nr: 41, args })
    expect(socket(1, 1, 0)).toBe(allow)
    expect(socket(2, 1, 6)).toBe(allow)
    expect(socket(10, 2, 17)).toBe(allow)
    expect(socket(16, 3, 0)).toBe(allow)
    expect(socket(2, 1, 262)).toBe(errno(97))
    expect(socket(2, 5, 132)).toBe(errno(97))
    expect(socket(16, 3, 12)).toBe(errno(97))
    for (const family of [15, 17, 29, 31, 38, 40, 43, 44]) expect(socket(family, 1, 0)).toBe(errno(97))
    expect(ask({ nr: 53, args: [40, 1, 0] })).toBe(errno(97))
  })

  test('pipes with a name may be made, device nodes may not', () => {
    expect(ask({ nr: 259, args: [0, 0, 0x11a4] })).toBe(allow)
    expect(ask({ nr: 259, args: [0, 0, 0x21a4] })).toBe(errno(1))
    expect(ask({ nr: 133, args: [0, 0x61a4] })).toBe(errno(1))
  })

  test('input cannot be pushed into a terminal', () => {
    expect(ask({ nr: 16, args: [0, 0x5401] })).toBe(allow)
    expect(ask({ nr: 16, args: [0, 0x5412] })).toBe(errno(1))
  })

  test('an architecture without a filter has none, rather than a wrong one', () => {
    expect(seccompProgramFor('riscv64')).toBeNull()
    expect(encodeProgram(x64).length).toBe(x64.length * 8)
  })
})
