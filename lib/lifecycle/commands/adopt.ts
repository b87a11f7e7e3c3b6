import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { closeAdopted } from '#lib/registry/commands.ts'
import { getUnregistered } from '#lib/registry/queries.ts'
import type {
  CarriedPrompt,
  FoundDefinition,
  UnregisteredView,
  VersionOrigin,
} from '#lib/registry/schema/unregistered.ts'
import { carriedLayer, carriedPrompt } from '../rules/carried-prompt.ts'
import { type AdoptUnregisteredInput, adoptUnregisteredInput } from '../schema.ts'
import { createAgent } from './create.ts'

/**
 * Registers what was found unregistered, by the same rules as any new agent, and closes the finding; both commit together or not at all. An
 * agent at Claude stays the same one there and gets the version that its template renders to; what it was told goes on as the team's part
 * unless a prompt is given, and what it was made of is kept with version 1. Needs `agents:create` in the owner team; throws
 * `conflict` when it was decided already, of two who adopt at once for one of them.
 */
export async function adoptUnregistered(
  ctx: Ctx,
  input: AdoptUnregisteredInput,
): Promise<{ agentId: string; version: number }> {
  authorize(ctx, 'agents:create')
  const { unregisteredId, layer: wanted, ...draft } = adoptUnregisteredInput.parse(input)
  return await inTx(ctx, async (_, ctx) => {
    const found = await getUnregistered(ctx, unregisteredId)
    const { prompt: given, parameters = {} } = wanted ?? {}
    const layer = { ...(given === undefined ? carriedLayer(found.definition) : { prompt: given }), parameters }
    const made = await createAgent(ctx, { ...draft, layer }, originOf(found))
    const prompt = promptOutcome(found.definition, layer.prompt)
    await closeAdopted(ctx, { unregisteredId, agentId: made.agentId, prompt })
    return made
  })
}

function originOf({ source, key, name, detail, lastSeenAt, definition }: UnregisteredView): VersionOrigin {
  const version = Number(detail['version'])
  const claudeVersion = source === 'claude' && Number.isInteger(version) ? version : null
  return { source, key, name, claudeVersion, seenAt: lastSeenAt, definition }
}

/** What became of its prompt, for the audit log. */
function promptOutcome(definition: FoundDefinition | null, prompt: string): CarriedPrompt {
  const carried = definition ? carriedPrompt(definition) : ''
  if (carried === '') return 'none'
  return prompt === carried ? 'carried' : prompt.includes(carried) ? 'extended' : 'replaced'
}
