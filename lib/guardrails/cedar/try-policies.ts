import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { CheckedPolicies } from './check.ts'

/** The largest text takes some seconds. */
const tryMs = 60_000

type Tried = { checked: CheckedPolicies; problem: string | null }

/**
 * Checks a text that nobody has used yet and judges a call with it, in a thread that is thrown away: what Cedar cannot bear breaks there, and nowhere else, and is a
 * problem of the text.
 */
export async function tryPolicies(source: string, schema: string): Promise<CheckedPolicies> {
  return (await checkInThread(source, schema)) ?? unbearable(`nothing came of it within ${tryMs / 1000} seconds.`)
}

/** The same; null where the thread came to nothing, which says nothing of the text. */
export async function checkInThread(source: string, schema: string): Promise<CheckedPolicies | null> {
  const worker = begin({ source, schema })
  const timer = setTimeout(() => void worker.terminate(), tryMs)
  try {
    const tried = await new Promise<Tried | null>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => resolve(null))
    })
    if (tried === null) return null
    return tried.problem === null ? tried.checked : unbearable(tried.problem)
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith('ERR_WORKER_INIT')) return null
    return unbearable(error instanceof Error ? error.message : String(error))
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

function unbearable(reason: string): CheckedPolicies {
  const message = 'Cedar cannot judge with these policies.'
  const help = `Make them simpler, or fewer: ${reason}`
  return { policies: [], problems: [{ policyId: null, line: 1, column: 1, message, help }], warnings: [] }
}

function begin(workerData: { source: string; schema: string }): Worker {
  // The portal is bundled, and its bundler would look for the thread in the bundle; the program's folder has it.
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  return new Worker(join(import.meta.dirname ?? join(process.cwd(), 'lib/guardrails/cedar'), 'try-main.ts'), {
    workerData,
    execArgv: [],
  })
}
