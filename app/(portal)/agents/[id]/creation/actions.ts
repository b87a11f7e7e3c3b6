'use server'

import { z } from 'zod'
import { retryProvisioning } from '#lib/harness/commands.ts'
import { portalAction } from '#lib/web/action.ts'

export const retry = portalAction(
  z.strictObject({ agentId: z.string().max(100) }),
  async (ctx, input) => await retryProvisioning(ctx, input),
)
