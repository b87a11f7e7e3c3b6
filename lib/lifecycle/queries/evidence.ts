import type { Prisma } from '#lib/db/generated/client.ts'
import type { ReviewEvidence } from '../schema/reviews.ts'

/** What was known of a grant when its campaign began, as the command that started it has written it; of one from before conditions were proposed, without any. */
export function evidenceIn({ evidence }: { evidence: Prisma.JsonValue }): ReviewEvidence {
  const { proposal, ...rest } = evidence as unknown as ReviewEvidence
  return {
    ...rest,
    proposal: proposal && {
      ...proposal,
      conditions: proposal.conditions ?? [],
      unknownBefore: proposal.unknownBefore ?? 0,
    },
  }
}
