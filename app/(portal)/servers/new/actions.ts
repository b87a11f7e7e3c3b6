'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { paths } from '#lib/core/paths.ts'
import { registerServer, requestPackage, requestServerProbe } from '#lib/registry/commands.ts'
import { getPackageFetch, getServerProbe } from '#lib/registry/queries.ts'
import { registerServerInput } from '#lib/registry/schema.ts'
import { requestPackageInput } from '#lib/registry/schema/packages.ts'
import { requestServerProbeInput } from '#lib/registry/schema/probes.ts'
import { portalAction } from '#lib/web/action.ts'
import { portal } from '#lib/web/db.ts'

export const probe = portalAction(requestServerProbeInput, async (ctx, input) => {
  await takeFromRateLimit(ctx.db, { key: `server-probe:${ctx.actor.id}`, limit: 60, windowMs: 60 * 60_000 })
  return await requestServerProbe(ctx, { input, secretBox: portal().keyring })
})

export const readProbe = portalAction(z.strictObject({ probeId: z.uuid() }), (ctx, { probeId }) =>
  getServerProbe(ctx, probeId),
)

export const fetchPackage = portalAction(requestPackageInput, (ctx, input) => requestPackage(ctx, input))

export const readPackage = portalAction(z.strictObject({ packageId: z.uuid() }), (ctx, { packageId }) =>
  getPackageFetch(ctx, packageId),
)

export const register = portalAction(registerServerInput, async (ctx, input) => {
  await registerServer(ctx, input)
  revalidatePath(paths.servers())
  return { id: input.id }
})
