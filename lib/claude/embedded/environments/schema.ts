import { z } from 'zod'
import { metadata, metadataPatch } from '../http/metadata.ts'

const names = z.array(z.string().min(1)).nullish()
const packages = z.object({
  type: z.literal('packages').optional(),
  apt: names,
  cargo: names,
  gem: names,
  go: names,
  npm: names,
  pip: names,
})
const networking = z.discriminatedUnion('type', [
  z.object({ type: z.literal('unrestricted') }),
  z.object({
    type: z.literal('limited'),
    allow_mcp_servers: z.boolean().nullish(),
    allow_package_managers: z.boolean().nullish(),
    allowed_hosts: names,
  }),
])
const config = z.discriminatedUnion('type', [
  z.object({ type: z.literal('self_hosted') }),
  z.object({ type: z.literal('cloud'), networking: networking.nullish(), packages: packages.nullish() }),
])
const scope = z.literal('organization', 'Only organization is available.').nullish()

/** `POST /v1/environments` */
export const createEnvironmentBody = z.strictObject({
  name: z.string().min(1).max(256),
  config: config.nullish(),
  description: z.string().nullish(),
  metadata: metadata.default({}),
  scope,
})

/** `POST /v1/environments/{id}`: an absent field keeps its value. */
export const updateEnvironmentBody = z.strictObject({
  name: z.string().min(1).max(256).nullish(),
  config: config.nullish(),
  description: z.string().nullish(),
  metadata: metadataPatch.optional(),
  scope,
})

export type CreateEnvironmentBody = z.output<typeof createEnvironmentBody>
export type UpdateEnvironmentBody = z.output<typeof updateEnvironmentBody>
export type ConfigParams = z.output<typeof config>
