import { expect, type Page, test } from '@playwright/test'
import { callTool, credentialOf, requestToken, tokenOf } from './support/agent-calls.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

// The whole way once: a team lead makes an agent from a golden template, its first run does real work through the broker and in the
// sandbox, and what it may not do is refused with the rule named. The steps build on each other.
test.describe.configure({ mode: 'serial' })

const broker = `http://localhost:${process.env['WHEELHOUSE_BROKER_PORT'] ?? 7400}`
const planted = 12

test('a team lead creates an agent from the invoice reconciler, and its first run reconciles, scripts and escalates', async ({
  page,
}) => {
  await signInAs(page, 'Team lead')
  await createAgent(page, {
    template: 'Invoice reconciler',
    name: 'Payables matcher',
    purpose: 'Match supplier invoices to purchase orders and flag what does not fit.',
  })

  await page.getByRole('link', { name: 'Watch the first run' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Run of Payables matcher' })).toBeVisible()
  await expect(page.getByRole('banner').or(page.getByRole('main')).getByText('simulated model').first()).toBeVisible()
  await expect(page.getByRole('main').getByText('succeeded', { exact: true })).toBeVisible({ timeout: 90_000 })

  const log = page.getByRole('list', { name: 'Run log' })
  await expect(log.getByText('invoices · list_invoices').first()).toBeVisible()
  await expect(log.getByText('erp · list_purchase_orders').first()).toBeVisible()
  await expect(log.getByText('in the sandbox').first()).toBeVisible()
  await expect(log.getByText('escalated', { exact: true })).toHaveCount(planted)
  await expect(page.getByRole('main').getByText(/not priced/)).toHaveCount(0)
  await expectAccessible(page)
})

test('the catalog shows the new agent with its run and cost', async ({ page }) => {
  await signInAs(page, 'Team lead')
  await page.goto('/agents?q=payables-matcher')
  const row = page.getByRole('row', { name: /Payables matcher/ })
  await expect(row).toContainText('active')
  await expect(row).toContainText('$')
  await expect(row.getByText('$0.00')).toHaveCount(0)
  await expectAccessible(page)
})

test('an agent without the grant is denied the same tool with the rule named; strangers and suspended agents get nothing', async ({
  page,
}) => {
  await signInAs(page, 'Team lead')
  await createAgent(page, {
    template: 'Release note writer',
    name: 'Release scribe',
    purpose: 'Write release notes from the deploy log.',
  })

  const granted = await credentialOf('payables-matcher')
  const ungranted = await credentialOf('release-scribe')
  const allowed = await callTool(await tokenOf(granted), 'get_invoice', { invoice_id: 'INV-10001' })
  expect(allowed.text).toContain('INV-10001')

  const denied = await callTool(await tokenOf(ungranted), 'get_invoice', { invoice_id: 'INV-10001' })
  expect(denied.text).toContain('grant_missing')

  const stranger = await fetch(`${broker}/mcp/invoices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  expect(stranger.status).toBe(401)
  expect(stranger.headers.get('www-authenticate')).toContain('resource_metadata')
  expect((await requestToken({ clientId: 'agent-unknown', clientSecret: 'x' })).status).toBe(401)

  const live = await tokenOf(granted)
  await page.goto('/agents/payables-matcher')
  await page.getByRole('button', { name: 'Suspend' }).click()
  await page
    .getByRole('dialog')
    .getByLabel(/Reason/)
    .fill('A quarterly review is due.')
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /Suspend/ })
    .click()
  await expect(page.getByRole('main').getByText('suspended', { exact: true }).first()).toBeVisible()
  await expect(async () =>
    expect(await callTool(live, 'get_invoice', { invoice_id: 'INV-10001' })).toMatchObject({ refused: true }),
  ).toPass({ timeout: 5000 })
  const refused = await requestToken(granted)
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ error: 'unauthorized_client' })
})

test('a refused call stands in the audit log with its rule', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/audit?agent=release-scribe&decision=deny')
  const row = page.getByRole('row', { name: /mcp\.call_denied/ }).first()
  await expect(row).toContainText('grant_missing')
  await expectAccessible(page)

  await row.getByRole('link', { name: 'grant_missing' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Only what is granted' })).toBeVisible()
  await expect(page).toHaveURL(/\/explain\//)
  const main = page.getByRole('main')
  await expect(main).toContainText('Approve a scope request for this agent')
  await expect(main.getByRole('link', { name: 'Invoices' })).toBeVisible()
  const steps = main.getByRole('list', { name: 'Steps of the decision' })
  await expect(steps.getByRole('listitem').filter({ hasText: 'refused' })).toContainText('grant')
  await expect(main).toContainText('It would be decided the same now')
  await expectAccessible(page)
  const decision = page.url()
  await main.getByRole('link', { name: 'grant_missing' }).click()
  await expect(page).toHaveURL(/\/rules\/grant_missing/)
  await page.getByRole('link', { name: /^Everything that it refused/ }).click()
  await expect(page.getByRole('row', { name: /release-scribe|Release scribe/ }).first()).toBeVisible()

  await page.context().clearCookies()
  await signInAs(page, 'Platform admin')
  await page.goto(decision)
  await page.getByRole('link', { name: 'Request this scope' }).click()
  await expect(page.getByRole('dialog').getByLabel(/^MCP server/)).toHaveValue('invoices')
})

test('what an agent escalated waits until somebody of its team resolves it', async ({ page }) => {
  await signInAs(page, 'Team lead')
  await page.goto('/escalations?agent=payables-matcher&open=true')
  const pages = page.getByRole('navigation', { name: 'Pages' })
  await expect(pages).toContainText(`${planted} escalations`)
  await expectAccessible(page)
  await page
    .getByRole('button', { name: /^Resolve / })
    .first()
    .click()
  await expect(pages).toContainText(`${planted - 1} escalations`)
  await page.goto('/escalations?agent=payables-matcher&open=false')
  await expect(page.getByRole('row', { name: /resolved by Tessa Lindholm/ })).toBeVisible()

  await page.context().clearCookies()
  await signInAs(page, 'Finance')
  await page.goto('/escalations?agent=payables-matcher&open=true')
  await expect(page.getByRole('button', { name: /^Resolve/ }).first()).toHaveAttribute('aria-disabled', 'true')
})

async function createAgent(page: Page, agent: { template: string; name: string; purpose: string }): Promise<void> {
  await page.goto('/agents/new')
  await page.getByRole('radio', { name: agent.template }).check()
  await expectAccessible(page)
  await next(page)
  await page.getByLabel('Name (required)').fill(agent.name)
  await page.getByLabel('Purpose (required)').fill(agent.purpose)
  await next(page)
  await next(page)
  await expect(page.getByText('pre-approved').first()).toBeVisible()
  await next(page)
  await expect(page.getByRole('heading', { name: 'Scopes granted at once' })).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('button', { name: `Create ${agent.name}` }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Created in' })).toBeVisible({ timeout: 60_000 })
  await expectAccessible(page)
}

async function next(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Next' }).click()
}
