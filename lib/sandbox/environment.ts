import { setTimeout as sleep } from 'node:timers/promises'
import { createClaudePort } from '#lib/claude/commands.ts'
import type { SandboxConfig } from '#lib/config/sandbox.ts'
import type { Log } from '#lib/log/log.ts'

const retryMs = 1000

/** The environment's id: the given one, or that of the given name, asked for until the server answers. */
export async function findEnvironment(
  config: Pick<SandboxConfig, 'environment' | 'claudeUrl'>,
  options: { log: Log; signal: AbortSignal },
): Promise<string> {
  const { environment, claudeUrl } = config
  if (environment.id !== undefined) return environment.id
  const claude = createClaudePort({ baseUrl: claudeUrl, apiKey: environment.apiKey, timeoutMs: 10_000 })
  for (let attempt = 0; ; attempt++) {
    options.signal.throwIfAborted()
    try {
      return (await claude.ensureEnvironment(environment.name)).id
    } catch (error) {
      if (attempt % 30 === 0) options.log.info({ err: error, claudeUrl }, 'waiting for the Claude server')
      await sleep(retryMs, null, { signal: options.signal })
    }
  }
}
