import { join, resolve } from 'node:path'

/** Where packages of servers are kept on this machine, and which registry they come from. */
export function packageStore(values: { WHEELHOUSE_HOME: string; WHEELHOUSE_NPM_REGISTRY: string }) {
  return { folder: join(resolve(values.WHEELHOUSE_HOME), 'packages'), registry: `${values.WHEELHOUSE_NPM_REGISTRY}/` }
}

const ways = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'NODE_EXTRA_CA_CERTS']

/** What npm's library gets of this process's environment: how to reach its registry, and no secret of ours. */
export function npmEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(['PATH', 'TMPDIR', ...ways].map((name) => [name, process.env[name]]))
}
