import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { SandboxDriver, SandboxFile } from './driver.ts'
import { insidePaths } from './bwrap/base.ts'
import { runInSandbox } from './run.ts'

export type FileOperation = 'put' | 'get' | 'read' | 'write' | 'edit' | 'glob' | 'grep'
type CallOptions = { timeoutMs?: number; answerBytesMax?: number; signal?: AbortSignal | undefined }

const fileTimeoutMs = 60_000

/** Runs one file operation inside; the refusal is a sentence for whoever asked. Throws `unavailable` when the sandbox cannot answer. */
export async function callFiles<T>(
  sandbox: { driver: SandboxDriver; id: string },
  call: { operation: FileOperation; input: Record<string, unknown> },
  options: CallOptions = {},
): Promise<Result<T, string>> {
  const timeoutMs = options.timeoutMs ?? fileTimeoutMs
  // Each half of what is kept must hold a whole answer.
  const keepBytes = 2 * (options.answerBytesMax ?? 4 << 20)
  const outcome = await runInSandbox(sandbox.driver, sandbox.id, {
    argv: [insidePaths.node, `${insidePaths.programs}/files.mjs`, call.operation],
    input: JSON.stringify(call.input),
    timeoutMs,
    keepBytes,
    outputBytesMax: keepBytes,
    ...(options.signal ? { signal: options.signal } : {}),
  })
  if (outcome.ended === 'timeout') return err(`It took longer than ${timeoutMs / 1000} s and was ended.`)
  if (outcome.exit.kind === 'lost') throw new DomainError('unavailable', outcome.exit.message)
  const answer = parseAnswer(outcome.stdout)
  if (!answer) throw new DomainError('unavailable', 'The sandbox gave no answer to a file operation.')
  return 'error' in answer ? err(String(answer.error)) : ok(answer.value as T)
}

export async function putFiles(driver: SandboxDriver, id: string, files: readonly SandboxFile[]): Promise<void> {
  const encoded = files.map(({ content, ...file }) => ({ ...file, content: Buffer.from(content).toString('base64') }))
  const outcome = await callFiles({ driver, id }, { operation: 'put', input: { files: encoded } })
  if (!outcome.ok) throw new DomainError('invalid', outcome.error)
}

export async function getFiles(
  driver: SandboxDriver,
  id: string,
  options: { paths: readonly string[]; bytesMax: number },
): Promise<SandboxFile[]> {
  const outcome = await callFiles<{ path: string; content: string; executable?: boolean }[]>(
    { driver, id },
    { operation: 'get', input: options },
    // Base64 adds a third, names and refusals a little.
    { answerBytesMax: options.bytesMax * 2 + 65_536 },
  )
  if (!outcome.ok) throw new DomainError('invalid', outcome.error)
  return outcome.value.map((file) => ({ ...file, content: new Uint8Array(Buffer.from(file.content, 'base64')) }))
}

/** What comes from inside may be anything: only an object with an answer counts. */
function parseAnswer(bytes: Buffer): { value: unknown } | { error: unknown } | null {
  try {
    const answer: unknown = JSON.parse(bytes.toString())
    return typeof answer === 'object' && answer !== null && ('value' in answer || 'error' in answer) ? answer : null
  } catch {
    return null
  }
}
