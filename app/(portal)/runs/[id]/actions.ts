'use server'

import { stopRun } from '#lib/harness/commands.ts'
import { stopRunInput } from '#lib/harness/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const stopRunAction = portalAction(stopRunInput, async (ctx, input) => await stopRun(ctx, input))
