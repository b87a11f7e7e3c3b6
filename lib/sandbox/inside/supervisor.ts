// Runs inside every sandbox as its first program: starts programs for the service and carries their input and output. It is not
// trusted: whatever runs beside it may take it over, and gains nothing by it, because every limit is held from outside.
import { type ChildProcess, spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { encodeFrame, type Frame, FrameReader, frameTypes, type FrameType } from './wire.ts'

type Start = { argv: string[]; cwd: string; env: NodeJS.ProcessEnv }

/** Background programs may hold a finished program's output open; what comes within this time still counts as its own. */
const lateOutputMs = 200

const children = new Map<number, ChildProcess>()
// With a handler a signal from inside does not end the supervisor; SIGKILL does, and then the sandbox ends.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2', 'SIGPIPE'] as const) process.on(signal, () => {})

const reader = new FrameReader(handle)
process.stdin.on('data', (chunk: Buffer) => reader.push(chunk))
process.stdin.on('end', () => process.exit(0))
send(frameTypes.ready, 0)

function handle({ type, channel, payload }: Frame): void {
  const child = children.get(channel)
  if (type === frameTypes.start) start(channel, JSON.parse(payload.toString()) as Start)
  else if (type === frameTypes.stdin) child?.stdin?.write(payload)
  else if (type === frameTypes.stdinEnd) child?.stdin?.end()
  else if (type === frameTypes.kill && child?.pid) signal(-child.pid)
  // To every process of this process id namespace but its first and this one.
  else if (type === frameTypes.killEverything) signal(-1)
}

function start(channel: number, { argv, cwd, env }: Start): void {
  const child = spawn(argv[0]!, argv.slice(1), { cwd, env, detached: true })
  children.set(channel, child)
  let ended = false
  const end = (type: FrameType, payload: unknown): void => {
    if (ended) return
    ended = true
    children.delete(channel)
    child.stdout.destroy()
    child.stderr.destroy()
    send(type, channel, JSON.stringify(payload))
  }
  child.stdout.on('data', (chunk: Buffer) => sendOutput(frameTypes.stdout, channel, chunk))
  child.stderr.on('data', (chunk: Buffer) => sendOutput(frameTypes.stderr, channel, chunk))
  child.stdin.on('error', () => {})
  child.on('error', (error) => end(frameTypes.failed, { message: error.message }))
  child.on('exit', (code, signal) => setTimeout(() => end(frameTypes.exited, { code, signal }), lateOutputMs).unref())
  child.on('close', (code, signal) => end(frameTypes.exited, { code, signal }))
}

function signal(target: number): void {
  try {
    process.kill(target, 'SIGKILL')
  } catch {
    // Nobody is left to kill.
  }
}

function sendOutput(type: FrameType, channel: number, chunk: Buffer): void {
  for (let at = 0; at < chunk.length; at += 65_536) send(type, channel, chunk.subarray(at, at + 65_536))
}

/** The write blocks while the service is busy: that is the flow control. */
function send(type: FrameType, channel: number, payload: Uint8Array | string = ''): void {
  const frame = encodeFrame(type, channel, payload)
  for (let at = 0; at < frame.length;) at += writeSync(1, frame, at)
}
