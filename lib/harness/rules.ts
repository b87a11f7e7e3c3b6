import { microsPerDollar } from '#lib/core/money.ts'

/** What an agent may spend in a calendar month (UTC) when its entry names no budget. */
export const defaultMonthlyBudgetMicros = 500n * microsPerDollar
