// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import type { Role } from '#lib/auth/permissions.ts'
import {
  dataClasses,
  environments,
  oneLine,
  type PersonRef,
  sensitivities,
  tiers,
  toolClasses,
} from '#lib/registry/schema.ts'

/** Who may be asked to approve: roles that stand outside of the teams whose agents it is about. */
export const approverRoles = ['security', 'platform_admin', 'finance', 'on_call'] as const satisfies readonly Role[]
export type ApproverRole = (typeof approverRoles)[number]

/** One person with one of these roles. */
const step = z.array(z.enum(approverRoles)).min(1, 'Name at least one role for each step.').max(approverRoles.length)

/** Who is told next when a request is overdue. */
const escalation = z
  .strictObject({
    roles: z.array(z.enum(approverRoles)).max(approverRoles.length).default([]),
    /** Of a team everybody, to be told; of them decides who may decide scopes. */
    teamId: z.string().min(1).max(100).nullable().default(null),
    /** Hours from the end of its time to the first step, and from each to the next. */
    afterHours: z
      .int()
      .min(1)
      .max(24 * 30),
    /** How many steps there are. */
    times: z.int().min(1).max(10).default(1),
    /** From the first step on they may decide in place of those who are asked. */
    mayDecide: z.boolean().default(false),
  })
  .refine(({ roles, teamId }) => roles.length > 0 || teamId !== null, {
    message: 'Name roles or a team that is told.',
    path: ['roles'],
  })
export type Escalation = z.infer<typeof escalation>

/** Those who are asked are reminded when three quarters of the time are over, unless a rule says otherwise. */
export const remindPercentDefault = 75

/** What is left empty fits everything; all that is set must fit. */
export const createApprovalRuleInput = z.strictObject({
  title: oneLine(120).min(3, 'Say in a few words what it is about.'),
  /** The first rule that fits holds; of equal positions the older one. */
  position: z.int().min(1).max(1000).default(100),
  environments: z.array(z.enum(environments)).max(10).default([]),
  classes: z.array(z.enum(toolClasses)).max(10).default([]),
  sensitivities: z.array(z.enum(sensitivities)).max(10).default([]),
  tiers: z.array(z.enum(tiers)).max(10).default([]),
  /** Fits a server that holds any of these. */
  dataClasses: z.array(z.enum(dataClasses)).max(20).default([]),
  /** One or two people; none: approved at once, which no rule may do for what is destructive. */
  steps: z.array(step).max(2),
  /** The second person is asked when the first has approved. */
  inOrder: z.boolean().default(false),
  /** The longest it is granted for; null: as long as is asked. */
  daysMax: z.int().min(1).max(365).nullable().default(null),
  /** Hours in which it should be decided. */
  dueHours: z
    .int()
    .min(1)
    .max(24 * 30)
    .default(24),
  /** After so much of these hours, of a hundred, those who are asked are reminded. */
  remindPercent: z.int().min(10).max(95).default(remindPercentDefault),
  /** null: nobody else is told. */
  escalation: escalation.nullable().default(null),
})
export type CreateApprovalRuleInput = z.infer<typeof createApprovalRuleInput>

export const removeApprovalRuleInput = z.strictObject({
  ruleId: z.uuid(),
  reason: oneLine(1000).min(5, 'Say in a sentence why.'),
})
export type RemoveApprovalRuleInput = z.infer<typeof removeApprovalRuleInput>

export const confirmApprovalRuleInput = z.strictObject({ ruleId: z.uuid() })
export type ConfirmApprovalRuleInput = z.infer<typeof confirmApprovalRuleInput>

/** A rule of the approval policy. `id` null: the last one, which is always there and fits everything. */
export type ApprovalRuleView = Omit<CreateApprovalRuleInput, 'position'> & {
  id: string | null
  position: number
  createdBy: PersonRef | null
  createdAt: string | null
  /** False: it makes approval easier, and waits for a second person. */
  inForce: boolean
  /** Who asked for its end; it holds until a second person ends it. */
  endAsked: { by: PersonRef; at: string; reason: string } | null
}

/** A step of a pending request: who is asked, and who has approved. */
export type ApprovalStep = {
  /** From 1 on. */
  number: number
  roles: ApproverRole[]
  approved: { by: PersonRef; for: PersonRef | null; at: string; note: string | null } | null
  /** Whether it is asked for now; a later one of a rule in order is not yet. */
  open: boolean
}
