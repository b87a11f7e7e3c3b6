import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Failed } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** Several files as one text, and where each of its lines is from. */
export type ManifestText = { text: string; files: string[]; placeOf: (line: number) => { file: string; line: number } }

const filesMax = 1000

/**
 * Reads files and whole folders (`*.yaml` and `*.yml`, folders within too, hidden ones and links not) as one text, in the order of
 * their names: they are applied together or not at all. `-` is standard input.
 */
export async function readManifests(
  paths: readonly string[],
  terminal: Pick<Terminal, 'readInput'>,
): Promise<ManifestText> {
  const files = [...new Set((await Promise.all(paths.map(filesAt))).flat())]
  if (files.length === 0) throw new Failed(`There is no .yaml or .yml file in ${paths.join(', ')}.`)
  if (files.length > filesMax)
    throw new Failed(`There are ${files.length} files; at most ${filesMax} are applied together.`)
  const parts: { file: string; from: number }[] = []
  let text = ''
  let line = 1
  for (const file of files) {
    if (text !== '') {
      text += '---\n'
      line += 1
    }
    const content = file === '-' ? await terminal.readInput() : await readText(file)
    refuseNul(content, file)
    // A mark of the byte order is no part of the text, and a file without a last line break still ends.
    const whole = content.replace(/^\uFEFF/, '').replace(/([^\n])$/, '$1\n')
    parts.push({ file, from: line })
    text += whole
    line += whole.split('\n').length - 1
  }
  return { text, files, placeOf: (at) => placeIn(parts, at) }
}

async function filesAt(path: string): Promise<string[]> {
  if (path === '-') return [path]
  const about = await stat(path).catch(unreadable(path))
  if (!about.isDirectory()) return [path]
  const entries = await readdir(path, { withFileTypes: true }).catch(unreadable(path))
  const found = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith('.'))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(async (entry) => {
        const inside = join(path, entry.name)
        if (entry.isDirectory()) return await filesAt(inside)
        return entry.isFile() && /\.ya?ml$/i.test(entry.name) ? [inside] : []
      }),
  )
  return found.flat()
}

function placeIn(parts: readonly { file: string; from: number }[], line: number): { file: string; line: number } {
  const part = parts.findLast(({ from }) => from <= line) ?? parts[0]!
  return { file: part.file, line: Math.max(1, line - part.from + 1) }
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch(unreadable(file))
  try {
    // A byte that is no character would become another one: what is applied is what was written.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Failed(`${file} is not UTF-8 text.`)
  }
}

function unreadable(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw new Failed(`${path} could not be read: ${error.code ?? error.message}`)
  }
}

/** No database can hold it, and a parser of YAML tells no place. */
function refuseNul(content: string, file: string): void {
  const at = content.indexOf('\0')
  if (at < 0) return
  const before = content.slice(0, at).split('\n')
  throw new Failed(`${file}:${before.length}:${before.at(-1)!.length + 1}: There is a NUL here: it is no text.`)
}
