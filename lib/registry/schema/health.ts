/** What a broker tells of a server: `state` open means it sends nothing before `retryAt`. */
export type RecordServerHealthInput = {
  serverId: string
  broker: string
  state: 'closed' | 'open'
  failures: number
  lastError: string | null
  retryAt: Date | null
}

/** How one broker finds a server. Times are ISO 8601. */
export type ServerHealthView = Omit<RecordServerHealthInput, 'serverId' | 'retryAt'> & {
  retryAt: string | null
  changedAt: string
}
