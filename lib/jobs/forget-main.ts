import { forgetAppTokens } from '#lib/auth/commands/app-tokens.ts'
import { forgetIdempotentRequests } from '#lib/auth/commands/idempotency.ts'
import { deactivateUnseen } from '#lib/auth/commands/people.ts'
import { forgetRateLimits } from '#lib/auth/commands/rate-limit.ts'
import { forgetLoginSessions } from '#lib/auth/commands/sign-in.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { parseWorkerConfig } from '#lib/config/worker.ts'
import { forgetPolicyReplays } from '#lib/guardrails/commands.ts'
import { forgetTraffic } from '#lib/metrics/commands.ts'
import { forgetNotifications } from '#lib/notifications/commands.ts'
import {
  forgetFleetChanges,
  forgetPackages,
  forgetServerHealth,
  forgetServerProbes,
  forgetUnregistered,
} from '#lib/registry/commands.ts'
import { forgetWebhookDeliveries } from '#lib/webhooks/commands.ts'
import { forgetDeadJobs } from './dead-jobs.ts'

/** Deletes what is kept for a while only, once its while is over. Hourly. */
export async function forgetOld(
  ctx: () => Ctx,
  { unseenDays }: Pick<ReturnType<typeof parseWorkerConfig>, 'unseenDays'>,
): Promise<void> {
  const { db, now } = ctx()
  await forgetRateLimits(db, now)
  await forgetIdempotentRequests(db, now)
  await forgetAppTokens(ctx())
  await forgetLoginSessions(db, now)
  await forgetDeadJobs(db, now)
  await forgetWebhookDeliveries(ctx())
  await forgetNotifications(ctx())
  await forgetServerProbes(ctx())
  await forgetServerHealth(ctx())
  await forgetPackages(ctx())
  await forgetFleetChanges(ctx())
  await forgetUnregistered(ctx())
  await forgetTraffic(ctx())
  await forgetPolicyReplays(ctx())
  await deactivateUnseen(ctx(), { days: unseenDays })
}
