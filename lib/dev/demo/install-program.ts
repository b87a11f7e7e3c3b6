import { cp, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const modules = join(import.meta.dirname, '../../../node_modules')
const needed = ['@modelcontextprotocol/server', '@modelcontextprotocol/core', 'zod']
/** Node loads none of these. */
const notLoaded = /\.(?:cjs|cts|mts|map|md)$|\/src(?:\/|$)/

/** Puts programs written with the MCP SDK where the sandbox service looks for those of a server: its folder needs nothing from outside. */
export async function installProgram(options: { home: string; serverId: string; files: string[] }): Promise<void> {
  const folder = join(options.home, 'stdio', options.serverId)
  await mkdir(folder, { recursive: true })
  for (const name of needed) {
    const target = join(folder, 'node_modules', name)
    await mkdir(dirname(target), { recursive: true })
    await cp(join(modules, name), target, { recursive: true, filter: (path) => !notLoaded.test(path) })
  }
  for (const file of options.files) await cp(file, join(folder, basename(file)))
}
