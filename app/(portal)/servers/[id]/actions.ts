'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { DomainError } from '#lib/core/errors.ts'
import {
  approveTools,
  classifyTool,
  confirmLoosening as confirmLooseningNow,
  rejectTool,
  removeServerCredential,
  setServerCredential,
  updateServer,
  withdrawLoosening as withdrawLooseningNow,
} from '#lib/registry/commands.ts'
import {
  approveToolsInput,
  classifyToolInput,
  rejectToolInput,
  removeServerCredentialInput,
  setServerCredentialInput,
  updateServerInput,
} from '#lib/registry/schema.ts'
import { looseningInput } from '#lib/registry/schema/loosenings.ts'
import { beginAuthorization } from '#lib/upstreams/commands.ts'
import { beginAuthorizationInput } from '#lib/upstreams/schema.ts'
import { revokeGrant } from '#lib/scopes/commands.ts'
import { revokeGrantInput } from '#lib/scopes/schema.ts'
import { portalAction } from '#lib/web/action.ts'
import { portal } from '#lib/web/db.ts'
import { browserSession } from '#lib/web/session.ts'
import { portalClient } from '#lib/web/upstream-client.ts'

/** The page of the server and those of its tools. */
function refresh(serverId: string): void {
  revalidatePath(paths.server(serverId), 'layout')
}

export const approve = portalAction(approveToolsInput, async (ctx, input) => {
  const outcome = await approveTools(ctx, input)
  refresh(input.serverId)
  return outcome
})

export const classify = portalAction(classifyToolInput, async (ctx, input) => {
  const outcome = await classifyTool(ctx, input)
  refresh(input.serverId)
  return outcome
})

export const reject = portalAction(rejectToolInput, async (ctx, input) => {
  const outcome = await rejectTool(ctx, input)
  refresh(input.serverId)
  return outcome
})

const setApproverInput = updateServerInput.pick({ approverId: true }).extend({ serverId: updateServerInput.shape.id })

export const setApprover = portalAction(setApproverInput, async (ctx, { serverId, approverId = null }) => {
  await updateServer(ctx, { id: serverId, approverId })
  revalidatePath(paths.server(serverId))
})

const setDataClassesInput = updateServerInput
  .pick({ dataClasses: true })
  .required()
  .extend({ serverId: updateServerInput.shape.id })

export const setDataClasses = portalAction(setDataClassesInput, async (ctx, { serverId, dataClasses }) => {
  const outcome = await updateServer(ctx, { id: serverId, dataClasses })
  revalidatePath(paths.server(serverId))
  return outcome
})

export const confirmLoosening = portalAction(looseningInput, async (ctx, input) => {
  await confirmLooseningNow(ctx, input)
  revalidatePath(`${paths.servers()}/[id]`, 'layout')
})

export const withdrawLoosening = portalAction(looseningInput, async (ctx, input) => {
  await withdrawLooseningNow(ctx, input)
  revalidatePath(`${paths.servers()}/[id]`, 'layout')
})

export const setCredential = portalAction(setServerCredentialInput, async (ctx, input) => {
  await setServerCredential(ctx, { input, secretBox: portal().keyring })
  revalidatePath(paths.server(input.serverId))
})

export const removeCredential = portalAction(removeServerCredentialInput, async (ctx, input) => {
  await removeServerCredential(ctx, input)
  revalidatePath(paths.server(input.serverId))
})

/** Answers where the browser has to go; it comes back to the callback. */
export const authorizeServer = portalAction(beginAuthorizationInput, async (ctx, input) => {
  const { sessionId } = await browserSession()
  if (sessionId === null) throw new DomainError('unauthenticated', 'Sign in first.')
  return beginAuthorization(ctx, { input, secretBox: portal().keyring, portal: portalClient(), sessionId })
})

export const revoke = portalAction(revokeGrantInput, async (ctx, input) => {
  const outcome = await revokeGrant(ctx, input)
  revalidatePath(`${paths.servers()}/[id]`, 'page')
  return outcome
})
