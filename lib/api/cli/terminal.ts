import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { Failed } from './errors.ts'

/** The terminal, or what stands in for it: everything the program prints and asks goes through here. */
export type Terminal = {
  /** One line or more on standard output: the answer. */
  out(text: string): void
  /** One line or more on standard error: everything that is not the answer. */
  err(text: string): void
  /** Width of the terminal; null when the output goes elsewhere, and is not cut then. */
  width: number | null
  /** A person sits there and can be asked. */
  interactive: boolean
  style(format: 'bold' | 'dim' | 'red' | 'yellow' | 'green', text: string): string
  ask(question: string): Promise<string>
  /** Like `ask`, without showing what is typed. */
  askSecretly(question: string): Promise<string>
  /** All of standard input. */
  readInput(): Promise<string>
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  // A reader that has seen enough (`| head`) is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    width: stdout.isTTY ? stdout.columns : null,
    interactive: stdin.isTTY && stderr.isTTY,
    style: (format, text) => styleText(format, text, { stream: stdout }),
    ask: (question) => ask(question, false),
    askSecretly: (question) => ask(question, true),
    async readInput() {
      let text = ''
      for await (const chunk of stdin.setEncoding('utf8')) text += String(chunk)
      return text
    },
  }
}

/** Questions go to standard error, so that standard output stays the answer. */
async function ask(question: string, secretly: boolean): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  if (secretly) process.stderr.write(question)
  const reader = createInterface({ input: process.stdin, output: secretly ? silent : process.stderr, terminal: true })
  try {
    return await reader.question(secretly ? '' : question)
  } catch (error) {
    // Ctrl-C at the question.
    if (error instanceof Error && error.name === 'AbortError') throw new Failed('Nothing was done.')
    throw error
  } finally {
    reader.close()
    if (secretly) process.stderr.write('\n')
  }
}
