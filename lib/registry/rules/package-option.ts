import { z } from 'zod'
import {
  programOfPackage,
  packageName,
  packageVersion,
  type PackageReference,
  serverCommand,
  type ServerCommand,
} from '../schema/transport.ts'

/** What a file leaves open: somebody says it before the server is registered. */
export type OpenValue = {
  name: string
  description: string
  isRequired: boolean
  isSecret: boolean
  /** What the file proposes; empty: nothing. */
  proposed: string
  /** What it may be; empty: anything. */
  choices: string[]
}
/** One argument: a text with `{names}` of open values in it, or null: the open value of that name. Without a value for them it is left out. */
type ArgumentText = { name: string; prefix: string; text: string | null }
export type PackageOption = {
  transport: 'package'
  package: { name: string; version: string }
  arguments: ArgumentText[]
  /** Asked for, and put into its arguments. */
  open: OpenValue[]
  /** Asked for, and set as its credential. */
  variables: OpenValue[]
}
export type PackageRead = { label: string; problems: string[] } & (PackageOption | { transport: 'none' })

const input = z.looseObject({
  description: z.string().optional(),
  value: z.string().optional(),
  default: z.string().optional(),
  isRequired: z.boolean().optional(),
  isSecret: z.boolean().optional(),
  choices: z.array(z.string()).optional(),
})
const withVariables = input.extend({ variables: z.record(z.string(), input).optional() })
export const keyValue = withVariables.extend({ name: z.string().min(1) })
const argument = z.discriminatedUnion('type', [
  withVariables
    .extend({ type: z.literal('positional'), valueHint: z.string().optional() })
    .refine((given) => given.value !== undefined || given.valueHint !== undefined, {
      error: 'A positional argument needs value or valueHint.',
    }),
  withVariables.extend({ type: z.literal('named'), name: z.string().min(1) }),
])
type Input = z.infer<typeof input>
type Argument = z.infer<typeof argument>

export const exactVersion = z
  .string()
  .min(1)
  .max(255)
  .refine((version) => version !== 'latest' && !/^[\^~<>=]|\*|\bx\b|\|\|/.test(version), {
    error: 'Use one exact version: no range and not "latest".',
  })
export const packageEntry = z.looseObject({
  registryType: z.string().min(1),
  registryBaseUrl: z.string().optional(),
  identifier: z.string().min(1).max(300),
  version: exactVersion.optional(),
  runtimeHint: z.string().optional(),
  transport: z.looseObject({ type: z.enum(['stdio', 'streamable-http', 'sse']) }),
  runtimeArguments: z.array(argument).max(100).optional(),
  packageArguments: z.array(argument).max(100).optional(),
  environmentVariables: z.array(keyValue).max(50).optional(),
})
type PackageEntry = z.infer<typeof packageEntry>

const publicRegistry = 'https://registry.npmjs.org'
/** What to do with packages that are not fetched here. */
const instead: Record<string, string> = {
  pypi: 'Put the package with all it needs into the server’s folder, and register the program that is there, such as python3 with its arguments.',
  oci: 'Run the container yourself, and register the address at which it speaks Streamable HTTP.',
  nuget: 'Publish it self-contained into the server’s folder, and register the program that is there.',
  mcpb: 'Unpack the bundle into the server’s folder, and register the command that its manifest.json names.',
}
/** Words to npx that say nothing about the server: nothing is asked and nothing installed when it starts. */
const wordsOfNpx = new Set(['-y', '--yes', '-q', '--quiet'])

/** Reads one of the packages of a file. */
export function packageOption(given: PackageEntry): PackageRead {
  const { registryType, identifier, version, transport } = given
  const label = `${registryType} ${identifier} ${version ?? ''}`.trim()
  const refused = (problem: string): PackageRead => ({ label, transport: 'none', problems: [problem] })
  if (registryType !== 'npm') {
    const what =
      instead[registryType] ?? 'Put what it needs into the server’s folder, and register the program that is there.'
    return refused(`Packages of ${registryType} are not fetched here (registryType). ${what}`)
  }
  if (transport.type !== 'stdio')
    return refused(`The package speaks ${transport.type} (transport): start it yourself and register its address.`)
  if (!packageName.safeParse(identifier).success)
    return refused(`${identifier} is no name of an npm package (identifier).`)
  if (version === undefined || !packageVersion.safeParse(version).success)
    return refused('It names no exact version such as 1.2.0 (version).')
  const base = given.registryBaseUrl?.replace(/\/+$/, '')
  if (base !== undefined && base !== publicRegistry)
    return refused(
      `It is at ${base} (registryBaseUrl); packages are fetched from npm’s registry, or the one that stands in for it here.`,
    )
  const problems: string[] = []
  const open: OpenValue[] = []
  const words = (given.packageArguments ?? []).map((one) => argumentText(one, { open, problems }))
  const runtime = (given.runtimeArguments ?? []).flatMap((one) => leftOut(one))
  if (runtime.length > 0)
    problems.push(
      `It wants ${runtime.join(', ')} for ${given.runtimeHint ?? 'its runtime'} (runtimeArguments); its program is started as it is.`,
    )
  const variables = (given.environmentVariables ?? []).map((one) => openValue(one.name, one))
  const named = serverCommand.shape.env.safeParse(variables.map(({ name }) => name))
  if (!named.success)
    problems.push(
      ...named.error.issues.map(
        ({ path, message }) => `environmentVariables.${path.map(String).join('.')}: ${message}`,
      ),
    )
  return {
    label,
    problems,
    transport: 'package',
    package: { name: identifier, version },
    arguments: words,
    open: distinct(open),
    variables,
  }
}

/** The command that starts a package that was fetched, with what was left open filled in; or what is missing. */
export function packageCommand(
  option: PackageOption,
  {
    reference,
    program,
    values,
  }: { reference: PackageReference; program: string; values: Readonly<Record<string, string>> },
): { ok: true; command: ServerCommand } | { ok: false; field: string; message: string } {
  const filled = packageArguments(option, values)
  if (!filled.ok) return filled
  if (!programOfPackage.test(program))
    return { ok: false, field: 'program', message: `${program} is no program of the package.` }
  const env = option.variables.map(({ name }) => name)
  return { ok: true, command: { command: program, args: filled.args, env, package: reference } }
}

/** Its arguments, or what is missing of them. */
export function packageArguments(
  { arguments: words, open }: Pick<PackageOption, 'arguments' | 'open'>,
  values: Readonly<Record<string, string>>,
): { ok: true; args: string[] } | { ok: false; field: string; message: string } {
  const given = new Map(
    open.map(({ name, proposed }) => [name, Object.hasOwn(values, name) ? values[name]! : proposed] as const),
  )
  for (const { name, isRequired, choices } of open) {
    const value = given.get(name)!
    if (isRequired && value === '') return { ok: false, field: name, message: `Say what ${name} is.` }
    if (value !== '' && choices.length > 0 && !choices.includes(value))
      return { ok: false, field: name, message: `${name} is one of ${choices.join(', ')}.` }
  }
  const unknown = Object.keys(values).find((name) => !given.has(name))
  if (unknown !== undefined) return { ok: false, field: unknown, message: `The file leaves no ${unknown} open.` }
  const args = words.flatMap(({ name, prefix, text }) => {
    const names = text === null ? [name] : namesIn(text)
    if (names.some((one) => given.get(one) === '')) return []
    // In one go: a value that looks like a placeholder stays what it is.
    return [prefix + (text?.replaceAll(placeholder, (_, one: string) => given.get(one)!) ?? given.get(name)!)]
  })
  return { ok: true, args }
}

const placeholder = /\{([A-Za-z_][\w.-]*)\}/g

function namesIn(text: string): string[] {
  return [...text.matchAll(placeholder)].map(([, name]) => name!)
}

/** A secret never becomes an argument: anybody on the machine reads those. */
function argumentText(given: Argument, { open, problems }: { open: OpenValue[]; problems: string[] }): ArgumentText {
  const name = given.type === 'named' ? given.name : (given.valueHint ?? 'the argument')
  const prefix = given.type === 'named' ? `${given.name}=` : ''
  const isRequired = given.isRequired === true || given.type === 'positional'
  const mine =
    given.value === undefined
      ? [openValue(name, { ...given, isRequired })]
      : namesIn(given.value).map((each) => openValue(each, { isRequired, ...given.variables?.[each] }))
  for (const { name: one, isSecret } of mine)
    if (isSecret || given.isSecret)
      problems.push(`${one} is a secret given as an argument, which is not supported (packageArguments).`)
  if (given.isSecret && mine.length === 0)
    problems.push(`${name} is a secret given as an argument, which is not supported (packageArguments).`)
  open.push(...mine)
  return { name, prefix, text: given.value ?? null }
}

function openValue(
  name: string,
  { description, value, default: proposed, isRequired, isSecret, choices }: Input,
): OpenValue {
  return {
    name,
    description: (description ?? '').slice(0, 300),
    isRequired: isRequired === true,
    isSecret: isSecret === true,
    proposed: value !== undefined && namesIn(value).length === 0 ? value : (proposed ?? ''),
    choices: choices ?? [],
  }
}

/** What is named twice is asked for once, and is required if it is so anywhere. */
function distinct(open: OpenValue[]): OpenValue[] {
  const byName = new Map<string, OpenValue>()
  for (const one of open) {
    const before = byName.get(one.name)
    byName.set(one.name, before ? { ...before, isRequired: before.isRequired || one.isRequired } : one)
  }
  return [...byName.values()]
}

function leftOut(given: Argument): string[] {
  const word = given.type === 'named' ? given.name : (given.value ?? given.valueHint ?? '')
  return wordsOfNpx.has(word) ? [] : [word]
}
