import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

// Beyond these a search is no longer of use to whoever asked, and a regular expression may take for ever on one long line.
const lineLengthMax = 2000
const fileBytesMax = 32 << 20
const entriesMax = 50_000

type Options = { root: string; skipped: ReadonlySet<string>; bytesMax: number }

/** `path:line:text` for every matching line below a folder (or of one file), links not followed, binary files left out. */
export async function grep(expression: RegExp, options: Options): Promise<string[]> {
  const hits: string[] = []
  let left = options.bytesMax
  for await (const path of filesBelow(options.root, options.skipped)) {
    for (const hit of await matchesIn(path, expression)) {
      left -= Buffer.byteLength(hit) + 1
      if (left < 0) return [...hits, `[more than ${options.bytesMax} bytes of matches: the rest is left out]`]
      hits.push(hit)
    }
  }
  return hits
}

async function* filesBelow(root: string, skipped: ReadonlySet<string>): AsyncGenerator<string> {
  if ((await stat(root)).isFile()) {
    yield root
    return
  }
  const folders = [root]
  let left = entriesMax
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (left-- <= 0) return
      if (skipped.has(entry.name)) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory()) folders.push(path)
      else if (entry.isFile()) yield path
    }
  }
}

async function matchesIn(path: string, expression: RegExp): Promise<string[]> {
  const info = await stat(path).catch(() => null)
  if (!info || info.size > fileBytesMax) return []
  const content = await readFile(path).catch(() => Buffer.alloc(0))
  if (content.subarray(0, 8192).includes(0)) return []
  const hits: string[] = []
  for (const [index, line] of content.toString().split('\n').entries()) {
    if (line.length <= lineLengthMax && expression.test(line)) hits.push(`${path}:${index + 1}:${line}`)
  }
  return hits
}
