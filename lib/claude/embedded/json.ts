import { storable } from '#lib/core/storable.ts'
import type { Prisma } from '#lib/db/generated/client.ts'

/**
 * A value as PostgreSQL stores it in jsonb: `undefined` members are gone, characters that it refuses are replaced (a command may print
 * anything), everything else must already be JSON.
 */
export function toJson(value: unknown): Prisma.InputJsonValue {
  return JSON.parse(JSON.stringify(storable(value))) as Prisma.InputJsonValue
}

/** What `toJson` stored, by this server only: validated when it came in, trusted when it comes back. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a cast with a name, so that there is one place for it
export function fromJson<T>(value: unknown): T {
  return value as T
}
