import type pg from 'pg'
import type { z } from 'zod'
import { ensureBillingSchema } from '../billing-schema.ts'
import { type Handlers, ToolRefusal } from '../tool.ts'
import { type billingTools, billingViews } from '../tools/billing-db.ts'

type QueryInput = z.output<typeof billingTools.query.input>

/** Works on the schema `demo_billing` only. The query tool takes no SQL: it builds a SELECT from known names and parameters. */
export function billingHandlers(options: { pool: pg.Pool; now: () => Date }): Handlers<typeof billingTools> {
  let ready: Promise<void> | undefined

  async function prepare(): Promise<void> {
    const client = await options.pool.connect()
    try {
      await ensureBillingSchema(client)
    } finally {
      client.release()
    }
  }

  async function transaction<R>(begin: string, work: (client: pg.PoolClient) => Promise<R>): Promise<R> {
    ready ??= prepare()
    await ready.catch((error: unknown) => {
      ready = undefined
      throw error
    })
    const client = await options.pool.connect()
    try {
      await client.query(begin)
      await client.query(`set local statement_timeout = '3s'`)
      const outcome = await work(client)
      await client.query('commit')
      return outcome
    } catch (error) {
      await client.query('rollback')
      throw error
    } finally {
      client.release()
    }
  }

  return {
    query(input) {
      const { text, values } = selectOf(input)
      return transaction('begin transaction read only', async (client) => {
        const { rows } = await client.query<Record<string, string | number | null>>(text, values)
        return { rows: rows.slice(0, input.limit), truncated: rows.length > input.limit }
      })
    },
    apply_credit({ account_id, amount, reason }) {
      const cents = Math.round(Number(amount) * 100)
      if (cents <= 0 || cents > 1_000_000) throw new ToolRefusal('amount must be above 0.00 and at most 10000.00.')
      return transaction('begin', async (client) => {
        const account = await client.query<{ balance: string }>(
          `update demo_billing.account_row set balance_cents = balance_cents - $2 where account_id = $1
           returning round(balance_cents / 100.0, 2)::text as balance`,
          [account_id, cents],
        )
        if (!account.rows[0]) throw new ToolRefusal(`There is no account ${account_id}.`)
        const credit = await client.query<{ credit_id: string }>(
          `insert into demo_billing.credit_row (account_id, amount_cents, reason, applied_at) values ($1, $2, $3, $4) returning credit_id::text`,
          [account_id, cents, reason, options.now()],
        )
        return { credit_id: credit.rows[0]!.credit_id, balance: account.rows[0].balance }
      })
    },
    delete_account({ account_id }) {
      return transaction('begin', async (client) => {
        const { rowCount } = await client.query('delete from demo_billing.account_row where account_id = $1', [
          account_id,
        ])
        if (rowCount === 0) throw new ToolRefusal(`There is no account ${account_id}.`)
        return { deleted: account_id }
      })
    },
  }
}

function selectOf(input: QueryInput): { text: string; values: unknown[] } {
  const known: readonly string[] = billingViews[input.view]
  const values: unknown[] = []

  function column(name: string): string {
    if (!known.includes(name))
      throw new ToolRefusal(`${input.view} has no column ${name}. It has: ${known.join(', ')}.`)
    return `"${name}"`
  }

  const conditions = input.where.map((condition) => {
    const name = column(condition.column)
    if (condition.is === 'null' || condition.is === 'not null') return `${name} is ${condition.is}`
    if (condition.value === undefined) throw new ToolRefusal(`The condition on ${condition.column} needs a value.`)
    values.push(String(condition.value))
    return condition.is === 'like'
      ? `${name}::text like $${values.length}`
      : `${name} ${condition.is} $${values.length}`
  })
  const columns = (input.columns ?? known).map(column).join(', ')
  const where = conditions.length > 0 ? ` where ${conditions.join(' and ')}` : ''
  const order = input.order_by
    ? ` order by ${column(input.order_by.column)}${input.order_by.descending ? ' desc' : ''}`
    : ''
  values.push(input.limit + 1)
  return { text: `select ${columns} from demo_billing."${input.view}"${where}${order} limit $${values.length}`, values }
}
