import { setTimeout as sleep } from 'node:timers/promises'
import { isRecord } from '#lib/core/is-record.ts'
import { type Message, StdioFailure } from './messages.ts'
import type { Caller, Multiplexer } from './multiplexer.ts'

/** How a server is spoken to: statelessly since 2026-07-28, or in the one session a process of an older one has. */
export type Opening = { era: 'modern' } | { era: 'legacy'; version: string; initialized: Message }

export const modernVersion = '2026-07-28'
const legacyVersion = '2025-11-25'
const clientInfo = { name: 'wheelhouse-broker', version: '1' }
const nobody: Caller = { session: {}, onMessage() {}, answers: () => false }

/**
 * Asks a fresh process which revision it speaks, and opens the session of an older one, once for all who use the process. Elicitation and
 * sampling are offered to it; a caller who cannot answer them is protected by the multiplexer. Rejects when it answers neither.
 */
export async function openServer(
  multiplexer: Multiplexer,
  options: { known: Opening['era'] | null; probeMs: number; startMs: number },
): Promise<Opening> {
  if (options.known !== 'legacy' && (await isModern(multiplexer, options.probeMs))) return { era: 'modern' }
  const params = { protocolVersion: legacyVersion, capabilities: { elicitation: {}, sampling: {} }, clientInfo }
  const reply = await ask(multiplexer, { method: 'initialize', params }, options.startMs)
  const result = reply['result']
  if (!isRecord(result) || typeof result['protocolVersion'] !== 'string') {
    throw new StdioFailure('process_unavailable', 'it refuses to be initialized')
  }
  multiplexer.notify({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return { era: 'legacy', version: result['protocolVersion'], initialized: result }
}

/** Whether a process still answers anything; an error is an answer, too. */
export async function isAlive(multiplexer: Multiplexer, opening: Opening, withinMs: number): Promise<boolean> {
  const question = opening.era === 'modern' ? discover : { method: 'ping' }
  return await ask(multiplexer, question, withinMs).then(
    () => true,
    () => false,
  )
}

const meta = {
  'io.modelcontextprotocol/protocolVersion': modernVersion,
  'io.modelcontextprotocol/clientInfo': clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {},
}
const discover = { method: 'server/discover', params: { _meta: meta } }

async function isModern(multiplexer: Multiplexer, withinMs: number): Promise<boolean> {
  try {
    const { result } = await ask(multiplexer, discover, withinMs)
    const versions = isRecord(result) ? result['supportedVersions'] : null
    return Array.isArray(versions) && versions.includes(modernVersion)
  } catch (error) {
    // Older servers may leave a question they do not know unanswered before they are initialized.
    if (error instanceof StdioFailure && error.rule === 'process_deadline') return false
    throw error
  }
}

async function ask(multiplexer: Multiplexer, question: Message, withinMs: number): Promise<Message> {
  const { reply, cancel } = multiplexer.call({ jsonrpc: '2.0', id: 0, ...question }, nobody)
  const done = new AbortController()
  void sleep(withinMs, null, { signal: done.signal }).then(
    () => cancel(new StdioFailure('process_deadline', `it did not answer ${String(question['method'])} in time`)),
    () => {},
  )
  try {
    // Nobody takes a stream, so it comes as a whole.
    return (await reply)!
  } finally {
    done.abort()
  }
}
