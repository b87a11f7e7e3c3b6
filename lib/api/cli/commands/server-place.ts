import type { Command } from 'commander'
import {
  type DataClass,
  dataClasses,
  type Environment,
  environments,
  sensitivities,
  type Sensitivity,
} from '#lib/registry/schema.ts'
import { type ProbeFindingKind, probeFindingNames } from '#lib/registry/schema/probes.ts'
import { UsageError } from '../errors.ts'
import { choice } from './choices.ts'

/** Where a server runs and what it holds, as options say it. */
export type Placed = { environment: string; sensitivity?: string; data?: string; kind: string[]; accept: string[] }

export function placed(command: Command): Command {
  return (
    command
      .addOption(choice('--environment <environment>', 'where it runs', environments).makeOptionMandatory())
      .addOption(choice('--sensitivity <sensitivity>', 'of the data that it holds', sensitivities))
      // As it was called before.
      .addOption(choice('--data <sensitivity>', 'the same as --sensitivity', sensitivities).hideHelp())
      .option('--kind <kinds...>', `which kinds of data: ${dataClasses.join(', ')}`, [])
      .option('--accept <finding>', 'a finding that guards it less; may be given several times', collect, [])
  )
}

export function placeOf(options: Placed) {
  const sensitivity = options.sensitivity ?? options.data
  if (sensitivity === undefined) throw new UsageError('Say how sensitive its data is, with --sensitivity.')
  return {
    environment: options.environment as Environment,
    sensitivity: sensitivity as Sensitivity,
    dataClasses: dataClassesOf(options.kind),
  }
}

export function dataClassesOf(named: readonly string[]): DataClass[] {
  const unknown = named.find((name) => !(dataClasses as readonly string[]).includes(name))
  if (unknown !== undefined) throw new UsageError(`${unknown} is no kind of data; use ${dataClasses.join(', ')}.`)
  return dataClasses.filter((each) => named.includes(each))
}

export function accepted(names: readonly string[]): ProbeFindingKind[] {
  const unknown = names.find((name) => !(probeFindingNames as readonly string[]).includes(name))
  if (unknown !== undefined)
    throw new UsageError(`${unknown} is no finding; there are ${probeFindingNames.join(', ')}.`)
  return names as ProbeFindingKind[]
}

export function collect(value: string, before: string[]): string[] {
  return [...before, value]
}
