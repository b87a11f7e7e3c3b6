import { readFile } from 'node:fs/promises'
import { Failed } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** The text of a file that was named, or with `-` of standard input. Throws `Failed` where it cannot be read. */
export async function textFrom(terminal: Pick<Terminal, 'readInput'>, file: string): Promise<string> {
  return file === '-' ? await terminal.readInput() : await textOfFile(file)
}

/** The text of a file. Throws `Failed` where it cannot be read. */
export async function textOfFile(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Failed(`${file} could not be read: ${error.code ?? error.message}`)
  })
}
