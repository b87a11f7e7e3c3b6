/** One classic BPF instruction (`struct sock_filter`, linux/filter.h). */
export type Instruction = { code: number; jt: number; jf: number; k: number }

// Offsets in `struct seccomp_data` (linux/seccomp.h), little endian.
const offsets = { nr: 0, arch: 4, args: 16 }

export const verdicts = {
  allow: 0x7fff0000,
  killProcess: 0x80000000,
  errno: (errno: number): number => 0x00050000 | errno,
} as const

/** Loads the system call's number into the accumulator. */
export function loadNumber(): Instruction {
  return statement(0x20, offsets.nr)
}

export function loadArchitecture(): Instruction {
  return statement(0x20, offsets.arch)
}

/** Loads the low 32 bits of an argument: every argument judged here is an int or a flag word below 2^32. */
export function loadArgument(index: number): Instruction {
  return statement(0x20, offsets.args + 8 * index)
}

export function and(mask: number): Instruction {
  return statement(0x54, mask)
}

export function verdict(value: number): Instruction {
  return statement(0x06, value)
}

/** Runs `block` when the accumulator equals the value; the block must end in a verdict on every way through. */
export function whenEqual(value: number, block: readonly Instruction[]): Instruction[] {
  return [jump(0x15, { k: value, jt: 0, jf: block.length }), ...block]
}

export function unlessEqual(value: number, block: readonly Instruction[]): Instruction[] {
  return [jump(0x15, { k: value, jt: block.length, jf: 0 }), ...block]
}

export function whenGreater(value: number, block: readonly Instruction[]): Instruction[] {
  return [jump(0x25, { k: value, jt: 0, jf: block.length }), ...block]
}

/** Runs `block` when the accumulator has any of the bits. */
export function whenAnyBit(mask: number, block: readonly Instruction[]): Instruction[] {
  return [jump(0x45, { k: mask, jt: 0, jf: block.length }), ...block]
}

/** The program as the kernel and `bwrap --seccomp` read it: 8 bytes an instruction. */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  if (program.length > 4096) throw new RangeError('a BPF program has at most 4096 instructions')
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, instruction] of program.entries()) {
    bytes.writeUInt16LE(instruction.code, index * 8)
    bytes.writeUInt8(instruction.jt, index * 8 + 2)
    bytes.writeUInt8(instruction.jf, index * 8 + 3)
    bytes.writeUInt32LE(instruction.k >>> 0, index * 8 + 4)
  }
  return bytes
}

function statement(code: number, k: number): Instruction {
  return { code, jt: 0, jf: 0, k }
}

function jump(code: number, to: { k: number; jt: number; jf: number }): Instruction {
  if (to.jt > 255 || to.jf > 255) throw new RangeError('a conditional jump reaches at most 255 instructions')
  return { code, ...to }
}
