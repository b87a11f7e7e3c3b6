import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CliConfig } from '#lib/config/cli.ts'
import { isLoopback } from '#lib/config/shared.ts'
import { UsageError } from './errors.ts'
import { readLogins } from './login-store.ts'

export type Access = {
  url: string
  token: string | null
  /** Where the token is from, for `whoami`. */
  from: 'WHEELHOUSE_TOKEN' | 'login' | 'admin-token' | null
}

/**
 * Which portal, and as whom. Address: --url, WHEELHOUSE_URL, the last login, this machine. Token: WHEELHOUSE_TOKEN, the login for that
 * very address, else the admin token that the start program left in the data folder, and that for this machine's addresses only.
 */
export async function findAccess(config: CliConfig, flag: string | undefined): Promise<Access> {
  const logins = await readLogins(config.configFolder)
  const url = normalUrl(flag ?? config.url ?? logins.url ?? config.localUrl)
  if (config.token) return { url, token: config.token, from: 'WHEELHOUSE_TOKEN' }
  const login = logins.tokens[url]
  if (login) return { url, token: login, from: 'login' }
  const admin = isLoopback(new URL(url).hostname) ? await readAdminToken(config.home) : null
  return { url, token: admin, from: admin ? 'admin-token' : null }
}

/** The address as it is stored and compared: without a path's trailing slash. Throws `UsageError`. */
export function normalUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`${JSON.stringify(text)} is not an address. Write it as https://wheelhouse.example.com.`)
  }
  return url.href.replace(/\/+$/, '')
}

async function readAdminToken(home: string): Promise<string | null> {
  const text = await readFile(join(home, 'admin-token'), 'utf8').catch(() => '')
  return text.trim() || null
}
