import type pg from 'pg'
import { loadCrm } from './data/load.ts'
import { createRandom } from './data/random.ts'

const ddl = `
create schema demo_billing;
create table demo_billing.account_row (
  account_id text primary key, name text not null, plan text not null, status text not null default 'active',
  balance_cents bigint not null, currency text not null, opened_on date not null);
create table demo_billing.invoice_row (
  invoice_id text primary key, account_id text not null references demo_billing.account_row on delete cascade,
  period text not null, amount_cents bigint not null, currency text not null, paid_on date);
create table demo_billing.credit_row (
  credit_id uuid primary key default gen_random_uuid(), account_id text not null references demo_billing.account_row on delete cascade,
  amount_cents bigint not null check (amount_cents > 0), reason text not null, applied_at timestamptz not null);
create view demo_billing.accounts as
  select account_id, name, plan, status, round(balance_cents / 100.0, 2) as balance, currency, opened_on::text from demo_billing.account_row;
create view demo_billing.invoices as
  select invoice_id, account_id, period, round(amount_cents / 100.0, 2) as amount, currency, paid_on::text from demo_billing.invoice_row;
create view demo_billing.credits as
  select credit_id::text, account_id, round(amount_cents / 100.0, 2) as amount, reason, applied_at::text from demo_billing.credit_row;
create view demo_billing.revenue_by_month as
  select period, currency, count(*)::int as invoices, round(sum(amount_cents) / 100.0, 2) as billed,
    round(coalesce(sum(amount_cents) filter (where paid_on is not null), 0) / 100.0, 2) as paid
  from demo_billing.invoice_row group by period, currency;`

const monthlyCents = { enterprise: 1_990_000, business: 390_000, starter: 49_000 } as const
const periods = ['2026-06', '2026-07', '2026-08', '2026-09', '2026-10']

/** Creates the schema with its data in one transaction, once; whoever comes second waits for the first and finds it made. */
export async function ensureBillingSchema(client: pg.ClientBase): Promise<void> {
  await client.query('begin')
  try {
    await client.query(`select pg_advisory_xact_lock(hashtext('demo_billing'))`)
    const found = await client.query(`select 1 from pg_namespace where nspname = 'demo_billing'`)
    if (found.rowCount === 0) {
      await client.query(ddl)
      const { accounts, invoices } = billingRows()
      await client.query(
        `insert into demo_billing.account_row (account_id, name, plan, balance_cents, currency, opened_on)
         select account_id, name, plan, balance_cents, currency, opened_on
         from json_to_recordset($1) as row (account_id text, name text, plan text, balance_cents bigint, currency text, opened_on date)`,
        [JSON.stringify(accounts)],
      )
      await client.query(
        `insert into demo_billing.invoice_row (invoice_id, account_id, period, amount_cents, currency, paid_on)
         select invoice_id, account_id, period, amount_cents, currency, paid_on
         from json_to_recordset($1) as row (invoice_id text, account_id text, period text, amount_cents bigint, currency text, paid_on date)`,
        [JSON.stringify(invoices)],
      )
    }
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

function billingRows() {
  const random = createRandom(5_150)
  const accounts = []
  const invoices = []
  for (const { id, name, tier, region, customer_since } of loadCrm().accounts) {
    const currency = region === 'EMEA' ? 'EUR' : 'USD'
    let balance_cents = 0
    for (const period of periods) {
      const amount_cents = monthlyCents[tier] + random.int(0, monthlyCents[tier] / 10)
      const paid_on = random.chance(period === '2026-10' ? 0.5 : 0.95) ? `${period}-${random.int(10, 28)}` : null
      if (paid_on === null) balance_cents += amount_cents
      invoices.push({
        invoice_id: `BIL-${6001 + invoices.length}`,
        account_id: id,
        period,
        amount_cents,
        currency,
        paid_on,
      })
    }
    accounts.push({ account_id: id, name, plan: tier, balance_cents, currency, opened_on: customer_since })
  }
  return { accounts, invoices }
}
