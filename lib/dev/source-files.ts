import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export type SourceFile = { path: string; text: string }

/** The TypeScript files below the folders, without generated ones. */
export function sourceFiles(folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
    )
    .filter((path) => /\.tsx?$/.test(path) && !path.startsWith('lib/db/generated/'))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** The body of each function a file exports, by name; a re-export (`export { a, b } from`) has no body. */
export function exportedFunctions(file: SourceFile): { name: string; body: string }[] {
  const starts = [...file.text.matchAll(/^export (?:async )?function (\w+)|^export const (\w+) = (?:async )?\(/gm)]
  return starts.map((match, at) => ({
    name: match[1] ?? match[2] ?? '',
    body: file.text.slice(match.index, starts[at + 1]?.index),
  }))
}

/** Lines that hold something a reader must follow: neither blank nor comment. */
export function codeLines(text: string): number {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .filter((line) => line.trim() && !line.trim().startsWith('//')).length
}
