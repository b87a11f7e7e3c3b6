import { chmod, lstat, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { z } from 'zod'
import { programOfPackage } from '../schema/transport.ts'

const manifest = z.looseObject({ bin: z.union([z.string(), z.record(z.string(), z.string())]).optional() })
const programsMax = 50

/**
 * Makes what a package can start startable below `node_modules/.bin`, and says its names: first the one npm would start, which is
 * the only one or the one that is named as the package. Goes by the package's own files, whose integrity was verified.
 */
export async function linkPrograms(folder: string, name: string): Promise<string[]> {
  const inside = join(folder, 'node_modules', name)
  const short = name.split('/').at(-1)!
  const { bin = {} } = manifest.parse(JSON.parse(await readFile(join(inside, 'package.json'), 'utf8')))
  const given = Object.entries(typeof bin === 'string' ? { [short]: bin } : bin)
  const links = join(folder, 'node_modules', '.bin')
  await mkdir(links, { recursive: true })
  const linked: string[] = []
  for (const [program, path] of given.slice(0, programsMax)) {
    const file = programOfPackage.test(program) ? await fileOf(inside, path) : null
    if (!file) continue
    await withUnixFirstLine(file)
    await chmod(file, 0o755)
    await symlink(relative(links, file), join(links, program))
    linked.push(program)
  }
  return linked.toSorted((a, b) => Number(b === short) - Number(a === short) || (a < b ? -1 : 1))
}

/** A regular file of the package itself; null: it names none. */
async function fileOf(inside: string, path: string): Promise<string | null> {
  const [root, file] = await Promise.all([realpath(inside), realpath(join(inside, path)).catch(() => null)])
  return file?.startsWith(root + sep) && (await lstat(file)).isFile() ? file : null
}

/** Published from Windows, the line that names its interpreter names none elsewhere; npm mends it, too. */
async function withUnixFirstLine(file: string): Promise<void> {
  const content = await readFile(file)
  const end = content.indexOf('\n')
  if (end < 1 || content[end - 1] !== 13 || content.subarray(0, 2).toString() !== '#!') return
  await writeFile(file, Buffer.concat([content.subarray(0, end - 1), content.subarray(end)]))
}
