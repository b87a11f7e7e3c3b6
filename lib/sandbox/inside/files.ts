// Runs inside a sandbox, once per file operation: `node files.mjs <operation>`, its input as JSON on standard input, its answer as JSON on
// standard output. Paths and links therefore mean what they mean in the sandbox and never reach the host.
import { chmod, glob, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { grep } from './grep.ts'

type Input = Record<string, unknown>
type PutFile = { path: string; content: string; executable?: boolean }

/** A refusal that the caller is told word for word. */
class Refusal extends Error {}

const workspace = process.cwd()
const globResultsMax = 200
const skipped = new Set(['.git', 'node_modules'])

const operations: Record<string, (input: Input) => Promise<unknown>> = {
  put,
  get,
  read,
  write,
  edit,
  glob: find,
  grep: search,
}

const answer = await run().catch((error: NodeJS.ErrnoException) => ({ error: explain(error) }))
process.stdout.write(JSON.stringify(answer))

async function run(): Promise<unknown> {
  const operation = operations[process.argv[2] ?? '']
  if (!operation) throw new Refusal(`There is no operation ${process.argv[2]}.`)
  return { value: await operation(JSON.parse(await text(process.stdin)) as Input) }
}

async function put({ files }: Input): Promise<number> {
  for (const { path, content, executable } of files as PutFile[]) {
    await writeWhole(at(path), Buffer.from(content, 'base64'))
    if (executable) await chmod(at(path), 0o755)
  }
  return (files as PutFile[]).length
}

async function get({ paths, bytesMax }: Input): Promise<PutFile[]> {
  const found: PutFile[] = []
  let left = bytesMax as number
  for (const path of paths as string[]) {
    const info = await stat(at(path)).catch(() => null)
    if (!info?.isFile()) continue
    left -= info.size
    if (left < 0) throw new Refusal(`The files hold more than ${bytesMax as number} bytes.`)
    const content = (await readFile(at(path))).toString('base64')
    found.push({ path, content, executable: (info.mode & 0o111) !== 0 })
  }
  return found
}

async function read({ path, range, bytesMax }: Input): Promise<string> {
  const file = path as string
  const max = bytesMax as number
  const { size } = await regular(file)
  if (range) return await readLines(file, { range: range as [number, number], max })
  if (size > max) {
    throw new Refusal(
      `${file} has ${size} bytes, more than the ${max} that can be read at once. Use view_range, e.g. [1, 500].`,
    )
  }
  return await readFile(at(file), 'utf8')
}

/** Streams, so that a file larger than the memory can be read in parts. */
async function readLines(file: string, options: { range: [number, number]; max: number }): Promise<string> {
  const [first, last] = options.range
  const parts: Buffer[] = []
  let line = 1
  let bytes = 0
  const handle = await open(at(file))
  try {
    for await (const chunk of handle.createReadStream() as AsyncIterable<Buffer>) {
      for (let from = 0; from < chunk.length;) {
        const newline = chunk.indexOf(10, from)
        const to = newline < 0 ? chunk.length : newline + 1
        if (line >= first) {
          parts.push(chunk.subarray(from, to))
          bytes += to - from
        }
        if (bytes > options.max) throw new Refusal(`These lines hold more than ${options.max} bytes. Read fewer.`)
        if (newline >= 0) line += 1
        if (last > 0 && line > last) return Buffer.concat(parts).toString().replace(/\n$/, '')
        from = to
      }
    }
  } finally {
    await handle.close()
  }
  return Buffer.concat(parts).toString()
}

async function write({ path, content }: Input): Promise<number> {
  const bytes = Buffer.from(content as string)
  await writeWhole(at(path as string), bytes)
  return bytes.length
}

async function edit(input: Input): Promise<number> {
  const path = input['path'] as string
  const before = input['before'] as string
  const { size } = await regular(path)
  if (size > (input['bytesMax'] as number)) throw new Refusal(`${path} has ${size} bytes: too large to edit.`)
  const content = await readFile(at(path), 'utf8')
  const count = content.split(before).length - 1
  if (count === 0) throw new Refusal(`old_string was not found in ${path}.`)
  if (count > 1 && !input['all']) throw new Refusal(`old_string appears ${count} times in ${path}; it must be unique.`)
  await writeWhole(at(path), Buffer.from(content.split(before).join(input['after'] as string)))
  return count
}

async function find({ pattern, path }: Input): Promise<string[]> {
  if (isAbsolute(pattern as string)) throw new Refusal('Use a relative pattern, with path for the folder.')
  const root = at((path as string | undefined) ?? '.')
  const matches: { path: string; at: number }[] = []
  const entries = glob(pattern as string, {
    cwd: root,
    withFileTypes: true,
    exclude: (entry) => skipped.has(entry.name),
  })
  for await (const entry of entries) {
    if (!entry.isFile()) continue
    const full = join(entry.parentPath, entry.name)
    matches.push({ path: full, at: (await stat(full).catch(() => null))?.mtimeMs ?? 0 })
  }
  return matches
    .toSorted((a, b) => b.at - a.at)
    .slice(0, globResultsMax)
    .map((match) => match.path)
}

async function search({ pattern, path }: Input): Promise<string[]> {
  let expression: RegExp
  try {
    expression = new RegExp(pattern as string)
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error))
  }
  return await grep(expression, { root: at((path as string | undefined) ?? '.'), skipped, bytesMax: 100_000 })
}

function at(path: string): string {
  return resolve(workspace, path)
}

/** A reader of a pipe or a device would wait for ever. */
async function regular(path: string): Promise<{ size: number }> {
  const info = await stat(at(path))
  if (!info.isFile()) throw new Refusal(`${path} is not a regular file.`)
  return info
}

/** Whoever reads meanwhile sees the old content or the new, never a part. */
async function writeWhole(path: string, content: Buffer): Promise<void> {
  const draft = `${path}.${process.pid}.draft`
  await mkdir(dirname(path), { recursive: true })
  const mode = (await stat(path).catch(() => null))?.mode
  try {
    await writeFile(draft, content, { mode: mode === undefined ? 0o644 : mode & 0o777 })
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return `${error.path} does not exist.`
    case 'ENOSPC':
      return 'The workspace is full.'
    case 'EROFS':
    case 'EACCES':
      return `${error.path} may not be written or read here. Work in /workspace or /tmp.`
    default:
      return error.message
  }
}
