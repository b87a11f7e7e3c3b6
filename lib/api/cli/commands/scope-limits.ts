import { readConditionLine, readRate } from '#lib/registry/schema/condition-words.ts'
import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import { UsageError } from '../errors.ts'

export const whereHelp = 'only when: /amount between 0..100, /currency is EUR, /path begins /reports/ (may be repeated)'

/** An option that may be repeated. */
export function collect(value: string, before: string[] | false = []): string[] {
  return [...(before || []), value]
}

/** Conditions and a rate as they are typed; throws a usage error that says which one cannot be read. */
export function limitsFrom({ where, rate }: { where: string[]; rate?: string }): {
  conditions?: ArgumentCondition[]
  rate?: CallRate
} {
  const conditions = where.map((line) => {
    const read = readConditionLine(line)
    if (!read.ok) throw new UsageError(`${JSON.stringify(line)}: ${read.error}`)
    return read.value
  })
  const read = rate === undefined ? null : readRate(rate)
  if (read && !read.ok) throw new UsageError(read.error)
  return { ...(conditions.length > 0 ? { conditions } : {}), ...(read?.ok ? { rate: read.value } : {}) }
}
