import type { Terminal } from '../terminal.ts'

/** A terminal where nobody sits, and what was said on it. */
export function recordedTerminal(options: { input?: string; width?: number | null } = {}) {
  const said = { out: '', err: '' }
  const terminal: Terminal = {
    out: (text) => void (said.out += `${text}\n`),
    err: (text) => void (said.err += `${text}\n`),
    width: options.width ?? null,
    interactive: false,
    style: (_, text) => text,
    ask: async () => '',
    askSecretly: async () => '',
    readInput: async () => options.input ?? '',
  }
  return { terminal, said }
}
