import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { closeAdopted } from '#lib/registry/commands.ts'
import { type AdoptUnregisteredInput, adoptUnregisteredInput } from '../schema.ts'
import { createAgent } from './create.ts'

/**
 * Registers what was found unregistered, by the same rules as any new agent, and closes the finding; both commit together or not at all. An
 * agent at Claude stays the same one there and gets the version that its template renders to. Needs `agents:create` in the owner team; throws
 * `conflict` when it was decided already, of two who adopt at once for one of them.
 */
export async function adoptUnregistered(
  ctx: Ctx,
  input: AdoptUnregisteredInput,
): Promise<{ agentId: string; version: number }> {
  const { unregisteredId, ...draft } = adoptUnregisteredInput.parse(input)
  return await inTx(ctx, async (_, ctx) => {
    const made = await createAgent(ctx, draft)
    await closeAdopted(ctx, { unregisteredId, agentId: made.agentId })
    return made
  })
}
