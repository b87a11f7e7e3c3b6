'use server'

import { adoptUnregistered, createAgent, previewAgent } from '#lib/lifecycle/commands.ts'
import { createAgentInput } from '#lib/lifecycle/schema.ts'
import { portalAction } from '#lib/web/action.ts'
import { z } from 'zod'

// The preview takes anything of the right shape and answers with problems instead of refusing it.
const draftInput = z.custom<z.input<typeof createAgentInput>>((value) => typeof value === 'object' && value !== null)

export const preview = portalAction(draftInput, async (ctx, draft) => await previewAgent(ctx, draft))

/** With `unregisteredId` what is created stands for something that was found. */
const createInput = createAgentInput.extend({ unregisteredId: z.uuid().optional() })

export const create = portalAction(createInput, async (ctx, { unregisteredId, ...input }) =>
  unregisteredId === undefined
    ? await createAgent(ctx, input)
    : await adoptUnregistered(ctx, { unregisteredId, ...input }),
)
