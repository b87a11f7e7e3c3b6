import type { ConditionValue } from './conditions.ts'

/** What one call had at a pointer: its values, if each is fit to be kept; else at most what they all begin with. Neither: something is there. */
export type ObservedArgument = { values?: ConditionValue[]; prefix?: string }

/** By pointer, as conditions have them; only those at which the call had something everywhere. */
export type ArgumentObservation = Record<string, ObservedArgument>

/** What calls had at a pointer. */
export type PathProfile = {
  /** Calls that had something there; fewer than all: it is left out at times. */
  calls: number
  /** Distinct values, with how many calls had each. Left out: there were too many, or not each is fit to be kept. */
  values?: [ConditionValue, number][]
  /** Left out: not all are numbers. */
  range?: [min: number, max: number]
  /** What all begin with. Left out: not all are texts of which that is known. */
  prefix?: string
}

/** What calls of one tool had as arguments. `calls`: those that traffic counts, of `unknown` of which the arguments are not known. `known`: those whose arguments are in it, parts of calls too. */
export type ArgumentProfile = {
  calls: number
  unknown: number
  known: number
  firstAt: Date
  paths: Record<string, PathProfile>
}
