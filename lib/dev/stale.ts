import { createHash } from 'node:crypto'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** One hash over the names and contents of files and folders (recursively); a path that does not exist counts as such. */
export async function hashFiles(
  root: string,
  paths: readonly string[],
  counts: (path: string) => boolean = () => true,
): Promise<string> {
  const hash = createHash('sha256')
  for (const file of (await Promise.all(paths.map((path) => filesBelow(root, path))))
    .flat()
    .filter(counts)
    .toSorted()) {
    const content = await readFile(join(root, file)).catch(() => null)
    hash.update(`${file}\0${content ? content.length : 'absent'}\0`)
    if (content) hash.update(content)
  }
  return hash.digest('hex')
}

async function filesBelow(root: string, path: string): Promise<string[]> {
  const info = await stat(join(root, path)).catch(() => null)
  if (!info?.isDirectory()) return [path]
  const entries = await readdir(join(root, path), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
}
