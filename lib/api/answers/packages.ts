import { z } from 'zod'
import { type PackageFetchView, packageReasons } from '#lib/registry/schema/packages.ts'
import { packageReference } from '#lib/registry/schema/transport.ts'
import { answerOf, count, text, time } from './words.ts'

export const packageFacts = z.strictObject({
  programs: z.array(text),
  packages: count,
  bytes: count,
  scripts: z.array(text),
})

export const packageFetch = answerOf<PackageFetchView>()(
  z.strictObject({
    id: text,
    name: text,
    version: text,
    createdAt: time,
    finishedAt: time.nullable(),
    progress: z.strictObject({ packages: count.nullable(), bytes: count }).nullable(),
    package: packageReference.nullable(),
    facts: packageFacts.nullable(),
    problem: z
      .strictObject({
        field: z.enum(['name', 'version', 'dependencies', 'registry']),
        reason: z.enum(packageReasons),
        message: text,
      })
      .nullable(),
  }),
).meta({ id: 'PackageFetch' })

export const importedServer = z.strictObject({
  id: text,
  credentialHeader: text.nullable(),
  /** That the file names and no broker sends. */
  leftOutHeaders: z.array(text),
  /** Whose values are to be set as its credential. */
  variables: z.array(z.strictObject({ name: text, isRequired: z.boolean(), isSecret: z.boolean() })),
})
