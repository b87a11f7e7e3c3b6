'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { moveAgents } from '#lib/lifecycle/commands.ts'
import { bulkEligibility } from '#lib/lifecycle/queries.ts'
import { bulkEligibilityInput, moveAgentsInput } from '#lib/lifecycle/schema.ts'
import { deleteView, saveView, setDefaultView } from '#lib/registry/commands.ts'
import { deleteViewInput, saveViewInput, setDefaultViewInput } from '#lib/registry/schema/views.ts'
import { portalAction } from '#lib/web/action.ts'

export const bulkEligible = portalAction(bulkEligibilityInput, (ctx, input) => bulkEligibility(ctx, input))
export const moveMany = portalAction(moveAgentsInput, async (ctx, input) => shown(await moveAgents(ctx, input)))
export const save = portalAction(saveViewInput, async (ctx, input) => shown(await saveView(ctx, input)))
export const remove = portalAction(deleteViewInput, async (ctx, input) => shown(await deleteView(ctx, input)))
export const setDefault = portalAction(setDefaultViewInput, async (ctx, input) =>
  shown(await setDefaultView(ctx, input)),
)

function shown<R>(outcome: R): R {
  revalidatePath(paths.agents())
  return outcome
}
