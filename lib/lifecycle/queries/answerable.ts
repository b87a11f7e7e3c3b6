import type { Prisma } from '#lib/db/generated/client.ts'

/** Items that nobody has answered and that can still be: their grants have not ended otherwise. */
export function answerable(now: Date) {
  return {
    decision: null,
    how: null,
    grant: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
  } satisfies Prisma.ReviewItemWhereInput
}
