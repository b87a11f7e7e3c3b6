import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { archiveOf, type ArchiveEntry } from './npm-archive.ts'

/** A package to publish: its manifest and its files, or an archive as npm would never make one. `dist` replaces what the registry says of its archive. */
export type PublishedPackage = {
  manifest: { name: string; version: string } & Record<string, unknown>
  files?: Record<string, string>
  archive?: readonly ArchiveEntry[]
  dist?: Record<string, unknown>
}
export type NpmRegistry = {
  url: string
  /** Paths asked for so far. */
  asked: string[]
  /** What came with them as `Authorization`. */
  authorizations: (string | undefined)[]
  close(): Promise<void>
}

/** A small npm registry on loopback, at any port or a given one, that answers nothing before `answering` is settled, nobody without `token`, and sends on to `archivesAt` for archives: archives made by npm itself, documents as the public registry has them. */
export async function startNpmRegistry(
  packages: readonly PublishedPackage[],
  {
    port = 0,
    answering = Promise.resolve(),
    token = null,
    archivesAt = null,
  }: { port?: number; answering?: Promise<unknown>; token?: string | null; archivesAt?: string | null } = {},
): Promise<NpmRegistry> {
  const archives = await packAll(packages)
  const asked: string[] = []
  const authorizations: (string | undefined)[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = decodeURIComponent(request.url ?? '').slice(1)
    asked.push(path)
    authorizations.push(request.headers.authorization)
    await answering
    if (token !== null && request.headers.authorization !== `Bearer ${token}`)
      return void response.writeHead(401).end('{"error":"unauthorized"}')
    const archive = archives.get(path)
    if (archive && archivesAt !== null)
      return void response.writeHead(302, { location: archivesAt + request.url }).end()
    if (archive) return void response.end(archive)
    const versions = packages.filter(({ manifest }) => manifest.name === path)
    if (versions.length === 0) return void response.writeHead(404).end('{"error":"not found"}')
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(documentOf(path, versions, { archives, url })))
  }
  const http = createServer((request, response) => void answer(request, response))
  http.listen(port, '127.0.0.1')
  await once(http, 'listening')
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return {
    url,
    asked,
    authorizations,
    async close() {
      if (!http.listening) return
      http.close()
      http.closeAllConnections()
      await once(http, 'close')
    },
  }
}

function documentOf(
  name: string,
  versions: readonly PublishedPackage[],
  { archives, url }: { archives: ReadonlyMap<string, Buffer>; url: string },
) {
  const described = versions.map(({ manifest, dist }) => {
    const path = archivePath(manifest)
    const integrity = `sha512-${createHash('sha512').update(archives.get(path)!).digest('base64')}`
    return [manifest.version, { ...manifest, dist: { tarball: `${url}/${path}`, integrity, ...dist } }] as const
  })
  return { name, 'dist-tags': { latest: described.at(-1)![0] }, versions: Object.fromEntries(described) }
}

function archivePath({ name, version }: PublishedPackage['manifest']): string {
  return `${name}/-/${name.split('/').at(-1)!}-${version}.tgz`
}

async function packAll(packages: readonly PublishedPackage[]): Promise<Map<string, Buffer>> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-registry-'))
  try {
    const sources = packages.map((_, at) => join(folder, `source-${at}`))
    for (const [at, { manifest, files = {} }] of packages.entries()) {
      const all = { 'package.json': JSON.stringify(manifest), ...files }
      for (const [path, content] of Object.entries(all)) {
        await mkdir(dirname(join(sources[at]!, path)), { recursive: true })
        await writeFile(join(sources[at]!, path), content)
      }
    }
    const args = ['pack', '--json', '--ignore-scripts', '--offline', '--pack-destination', folder, ...sources]
    const { stdout } = await promisify(execFile)('npm', args, { cwd: folder, maxBuffer: 16 << 20 })
    // Older npm says it as a list, newer ones by name.
    const said = Object.values(JSON.parse(stdout) as Record<string, { filename: string }>)
    const packed = new Map<string, Buffer>()
    for (const [at, { manifest, archive }] of packages.entries()) {
      const file = said[at]!.filename.replace('@', '').replace('/', '-')
      packed.set(archivePath(manifest), archive ? archiveOf(archive) : await readFile(join(folder, file)))
    }
    return packed
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
