/** An open circuit is asked again every minute at least; what its broker has not confirmed for this long says nothing any more. */
const staleMs = 5 * 60_000

/** Whether what a broker has said of a server counts still. */
export function isHealthKnown({ retryAt }: { retryAt: Date | null }, now: Date): boolean {
  return retryAt === null || retryAt.getTime() > now.getTime() - staleMs
}
