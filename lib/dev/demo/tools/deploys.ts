import { z } from 'zod'
import { pageInput, pageOutput } from '../paging.ts'
import { toolSpec } from '../tool.ts'

const deployId = z
  .string()
  .regex(/^[0-9a-f]{40}$/)
  .describe('The id of a deploy: the full commit hash in the deploy log.')
const service = z
  .string()
  .regex(/^[a-z](?:-?[a-z0-9])+$/)
  .max(50)
  .describe('The name of a service, for example payments-api.')
const environment = z.enum(['production', 'staging'])

export const deploy = z.object({
  id: z.string(),
  service: z.string(),
  version: z.string(),
  environment,
  deployed_by: z.string(),
  deployed_at: z.string(),
  kind: z.enum(['deploy', 'rollback']),
  changes: z.array(z.object({ type: z.string(), text: z.string(), ticket: z.string().nullable() })),
})

export const deploysTools = {
  list_deploys: toolSpec({
    class: 'read',
    title: 'List deploys',
    description: 'Deploys, newest first, with the changes each one brought.',
    input: z.strictObject({
      service: service.optional(),
      environment: environment.optional(),
      since: z.iso.datetime().optional().describe('Only deploys at or after this time, ISO 8601 in UTC.'),
      ...pageInput,
    }),
    output: z.object({ deploys: z.array(deploy), ...pageOutput }),
  }),
  get_deploy: toolSpec({
    class: 'read',
    title: 'Get a deploy',
    description: 'One deploy with the configuration it put in place.',
    input: z.strictObject({ deploy_id: deployId }),
    output: z.object({ deploy, configuration: z.string() }),
  }),
  diff_deploys: toolSpec({
    class: 'read',
    title: 'Compare two deploys',
    description:
      'What changed between two deploys: the difference of the configuration and every change in between, for one service.',
    input: z.strictObject({ from_deploy_id: deployId, to_deploy_id: deployId, service }),
    output: z.object({ diff: z.string(), deploys: z.array(deploy) }),
  }),
  record_deploy: toolSpec({
    class: 'write',
    title: 'Record a deploy',
    description: 'Adds a deploy to the log.',
    input: z.strictObject({
      service,
      version: z
        .string()
        .regex(/^\d+\.\d+\.\d+$/)
        .describe('The version, for example 2.14.0.'),
      environment,
      deployed_by: z
        .string()
        .regex(/^[\p{L}\p{N} .'-]+$/u)
        .min(2)
        .max(80),
      replicas: z.int().min(1).max(100),
      changes: z
        .array(
          z.strictObject({
            type: z.enum(['feature', 'fix', 'internal']),
            text: z
              .string()
              .regex(/^[^\r\n]+$/)
              .max(200),
            ticket: z
              .string()
              .regex(/^TIC-\d{4}$/)
              .nullable(),
          }),
        )
        .min(1)
        .max(50),
    }),
    output: z.object({ deploy }),
  }),
  rollback: toolSpec({
    class: 'destructive',
    title: 'Roll back',
    description: 'Puts the configuration of an earlier deploy of a service back in place, at once.',
    input: z.strictObject({
      deploy_id: deployId,
      reason: z
        .string()
        .regex(/^[^\r\n]+$/)
        .min(3)
        .max(500),
    }),
    output: z.object({ deploy }),
  }),
}
