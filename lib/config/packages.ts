import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { isLoopback } from './shared.ts'

type RegistryVariables = { WHEELHOUSE_NPM_REGISTRY: string; WHEELHOUSE_NPM_TOKEN?: string | undefined }

/** For `superRefine`: a token goes over no network where others can read it. */
export function checkNpmToken(env: RegistryVariables, context: z.RefinementCtx): void {
  const { WHEELHOUSE_NPM_REGISTRY: registry, WHEELHOUSE_NPM_TOKEN: token } = env
  if (token === undefined || /^https:/i.test(registry) || isLoopback(new URL(registry).hostname)) return
  const message = 'Use an https address: the token would be sent in the clear.'
  context.addIssue({ code: 'custom', path: ['WHEELHOUSE_NPM_REGISTRY'], message })
}

/** Where packages of servers are kept on this machine, which registry they come from, and what it is shown; null: nothing. */
export function packageStore(values: RegistryVariables & { WHEELHOUSE_HOME: string }) {
  return {
    folder: join(resolve(values.WHEELHOUSE_HOME), 'packages'),
    registry: `${values.WHEELHOUSE_NPM_REGISTRY}/`,
    token: values.WHEELHOUSE_NPM_TOKEN ?? null,
  }
}

const ways = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'NODE_EXTRA_CA_CERTS']

/** What npm's library gets of this process's environment: how to reach its registry, and no secret of ours. */
export function npmEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(['PATH', 'TMPDIR', ...ways].map((name) => [name, process.env[name]]))
}
