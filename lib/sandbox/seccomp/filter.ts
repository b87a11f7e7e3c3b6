import {
  type Instruction,
  and,
  encodeProgram,
  loadArchitecture,
  loadArgument,
  loadNumber,
  unlessEqual,
  verdict,
  verdicts,
  whenAnyBit,
  whenEqual,
  whenGreater,
} from './bpf.ts'
import { type Architecture, architectures, judged, newestKnown, numbersFor, refused } from './syscalls.ts'

// asm-generic/errno-base.h and errno.h
const EPERM = verdicts.errno(1)
const ENOSYS = verdicts.errno(38)
const EAFNOSUPPORT = verdicts.errno(97)
const allow = verdict(verdicts.allow)

// CLONE_NEWTIME | NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET (linux/sched.h)
const namespaceFlags =
  0x00000080 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
const families = { unix: 1, inet: 2, inet6: 10, netlink: 16 }
// Any other transport (SCTP, DCCP, MPTCP, raw…) only adds kernel code that a sandbox can reach.
const inetProtocols = [0, 1, 6, 17, 58]
// PER_LINUX, PER_LINUX32, UNAME26 and both, and the query (linux/personality.h): the values container runtimes allow.
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff]
const fileType = { mask: 0xf000, character: 0x2000, block: 0x6000 }
// They put input into, or paste on, the terminal of whoever started the service (asm-generic/ioctls.h).
const terminalInjection = { TIOCSTI: 0x5412, TIOCLINUX: 0x541c }

/**
 * The system call filter of every sandbox, ready for `bwrap --seccomp`. Foreign architectures kill the process (a 32-bit call would
 * dodge the numbers below); calls newer than the list do not exist; the rest is allowed unless refused by name or by its arguments.
 */
export function seccompProgram(architecture: Architecture): Uint8Array {
  return encodeProgram(seccompInstructions(architecture))
}

/** The filter for a Node architecture name (`process.arch`), or null where none is written. */
export function seccompProgramFor(arch: string): Uint8Array | null {
  return arch in architectures ? seccompProgram(arch as Architecture) : null
}

export function seccompInstructions(architecture: Architecture): Instruction[] {
  const when = (name: keyof typeof judged, block: Instruction[]): Instruction[] => {
    const number = numbersFor(judged[name], architecture)
    return number === null ? [] : whenEqual(number, block)
  }
  const refusedNumbers = Object.values(refused)
    .map((numbers) => numbersFor(numbers, architecture))
    .filter((number) => number !== null)
  return [
    loadArchitecture(),
    ...unlessEqual(architectures[architecture].audit, [verdict(verdicts.killProcess)]),
    loadNumber(),
    ...whenGreater(newestKnown, [verdict(ENOSYS)]),
    ...refusedNumbers.flatMap((number) => whenEqual(number, [verdict(EPERM)])),
    // Its flags are in memory, where a filter cannot look; without it the C library falls back to clone.
    ...when('clone3', [verdict(ENOSYS)]),
    ...when('clone', [loadArgument(0), ...whenAnyBit(namespaceFlags, [verdict(EPERM)]), allow]),
    ...when('socket', socketRule()),
    ...when('socketpair', [loadArgument(0), ...whenEqual(families.unix, [allow]), verdict(EAFNOSUPPORT)]),
    ...when('ioctl', [
      loadArgument(1),
      ...Object.values(terminalInjection).flatMap((request) => whenEqual(request, [verdict(EPERM)])),
      allow,
    ]),
    ...when('personality', [
      loadArgument(0),
      ...personalities.flatMap((value) => whenEqual(value, [allow])),
      verdict(EPERM),
    ]),
    ...when('mknod', deviceRule(1)),
    ...when('mknodat', deviceRule(2)),
    allow,
  ]
}

function socketRule(): Instruction[] {
  return [
    loadArgument(0),
    ...whenEqual(families.unix, [allow]),
    ...[families.inet, families.inet6].flatMap((family) => whenEqual(family, inetRule())),
    // The C library reads its own addresses with NETLINK_ROUTE, protocol 0; no other netlink protocol has a use inside.
    ...whenEqual(families.netlink, [loadArgument(2), ...whenEqual(0, [allow]), verdict(EAFNOSUPPORT)]),
    verdict(EAFNOSUPPORT),
  ]
}

function inetRule(): Instruction[] {
  return [loadArgument(2), ...inetProtocols.flatMap((protocol) => whenEqual(protocol, [allow])), verdict(EAFNOSUPPORT)]
}

function deviceRule(modeArgument: number): Instruction[] {
  return [
    loadArgument(modeArgument),
    and(fileType.mask),
    ...whenEqual(fileType.character, [verdict(EPERM)]),
    ...whenEqual(fileType.block, [verdict(EPERM)]),
    allow,
  ]
}
