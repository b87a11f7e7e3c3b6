// PostgreSQL: class 08 (connection), 25P03 (a transaction idle for too long), 53300 (too many connections), 55P03 (no lock in time), 57014 (a statement that took too long), 57P01..57P03 (shutdown, crash, starting up); appendix A of its manual.
const sqlStates = /\b(?:08[0-9A-Z]{3}|25P03|53300|55P03|57014|57P0[1-3])\b/
// Prisma: cannot reach, timed out, refused, closed, pool exhausted, no transaction in time; its error reference.
const prismaCodes = new Set(['P1001', 'P1002', 'P1008', 'P1011', 'P1017', 'P2024', 'P2028'])
const systemCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH'])
// What `pg` and its pool say of a connection has no code.
const connectionWords =
  /^(?:Connection terminated|timeout e(?:xpired|xceeded when trying to connect)|Client has encountered a connection error|Query read timeout)/

/** Whether a query failed because the database is away, starting or overloaded, rather than because of what was asked. Such a request may be repeated. */
export function isDatabaseUnavailable(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 5) return false
  const { code, name, message, cause, meta } = error as Record<string, unknown>
  if (typeof code === 'string' && (prismaCodes.has(code) || systemCodes.has(code) || sqlStates.test(code))) return true
  if (error instanceof Error && connectionWords.test(error.message)) return true
  const fromPrisma = typeof name === 'string' && name.startsWith('PrismaClient')
  if (fromPrisma && name === 'PrismaClientInitializationError') return true
  if (fromPrisma && typeof message === 'string' && /Code: `([^`]+)`/.test(message)) {
    if (sqlStates.test(/Code: `([^`]+)`/.exec(message)![1]!)) return true
  }
  return [cause, meta, (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError].some((inner) =>
    isDatabaseUnavailable(inner, depth + 1),
  )
}
