import { expect, test } from '@playwright/test'
import { callTool, credentialOf, tokenOf } from './support/agent-calls.ts'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('security starts a campaign over what could be less; whoever answers for an agent decides, and it ends', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.goto('/requests/unused?days=90')
  await page
    .getByRole('checkbox', { name: /^Choose / })
    .nth(1)
    .check()
  await page.getByRole('button', { name: 'Start a campaign' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Title').fill('What could be less')
  await dialog.getByLabel('What nobody answers').selectOption('keep')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Start it' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('What could be less')
  await expect(page.getByRole('main')).toContainText('0 of 1 grant decided')
  await expectAccessible(page)
  await page.getByLabel(/^Decision for/).selectOption('keep')
  await page.getByLabel(/^Why, for/).fill('It is needed at the end of the quarter.')
  await expectAccessible(page)
  await page.getByRole('button', { name: /^Submit/ }).click()
  await expect(page.getByRole('main')).toContainText('1 of 1 grant decided')
  await page.getByRole('button', { name: /^End/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click()
  await expect(page.getByRole('main')).toContainText('ended')
  await page.goto('/reviews')
  await expect(page.getByRole('table', { name: 'Campaigns' })).toContainText('What could be less')
  await expectAccessible(page)
})

test('a scope that is wider than its calls needed is narrowed in two steps; unused ones are listed', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.goto('/requests/unused')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Grants that could be less')
  await expect(page.getByRole('main')).toContainText(
    'Conditions on arguments are proposed after 50 calls over 14 days.',
  )
  await expectAccessible(page)
  await page.goto('/agents/ticket-triager-checkout/scopes')
  await page
    .getByRole('button', { name: /^Narrow to/ })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Reason').fill('It called nothing else.')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Narrow', exact: true }).click()
  await expect(page.getByRole('table', { name: /^Scopes of/ })).toContainText('narrowed')
})

test('a condition that every call met is proposed, what it denies is seen before and after, and the next call outside it is refused', async ({
  page,
}) => {
  await signInAs(page, 'Team lead')
  await page.goto('/agents/invoice-reconciler-cloud')
  await page.getByRole('button', { name: 'Edit' }).click()
  // Late in a month it has spent what it may.
  await page.getByRole('dialog').getByLabel('Monthly budget in dollars').fill('100000')
  await page.getByRole('dialog').getByRole('button', { name: 'Save changes' }).click()
  await expect(page.getByRole('dialog')).toBeHidden()

  await signInAs(page, 'Security')
  await page.goto('/requests/unused?ownerTeamId=finance-platform&kind=narrow')
  const row = page
    .getByRole('row')
    .filter({ hasText: 'Invoice reconciler: cloud' })
    .filter({ hasText: '/currency is "EUR"' })
  await expect(row.getByRole('list', { name: 'Only when' })).toContainText('/limit is between 20 and 100')
  await expect(row).toContainText(
    /Its [\d,]+ calls in 30 days stay allowed\. In the \d+ days before it would have denied none/,
  )
  await expectAccessible(page)
  const dollars = { currency: 'USD', status: 'received', limit: 50 }
  const simulated = `/simulate?agent=invoice-reconciler-cloud&server=invoices&tool=list_invoices&args=${encodeURIComponent(JSON.stringify(dollars))}`
  // The worker compares what was spent with what may be, every ten seconds.
  await expect(async () => {
    await page.goto(simulated)
    await expect(page.getByRole('main').getByRole('status')).toContainText('allowed', { timeout: 2000 })
  }).toPass({ timeout: 60_000 })

  await page.goto('/requests/unused?ownerTeamId=finance-platform&kind=narrow')
  await row.getByRole('button', { name: 'Narrow' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('under the conditions that are named')
  await dialog.getByLabel('Reason').fill('Its calls never left them.')
  await dialog.getByRole('button', { name: 'Narrow', exact: true }).click()
  // While a dialog is open nothing behind it has a role: that it is gone says nothing yet.
  await expect(dialog).toBeHidden()
  await expect(row).toHaveCount(0)
  await page.goto('/agents/invoice-reconciler-cloud/scopes')
  await expect(page.getByRole('table', { name: /^Scopes of/ })).toContainText('/currency is "EUR"')
  await expectAccessible(page)
  await page.goto(simulated)
  await expect(page.getByRole('heading', { name: 'Only with arguments that fit the grant' })).toBeVisible()

  const token = await tokenOf(await credentialOf('invoice-reconciler-cloud'))
  const outside = await callTool(token, 'list_invoices', dollars)
  expect(outside.refused).toBe(true)
  expect(outside.text).toContain('grant_condition')
  expect(await callTool(token, 'list_invoices', { ...dollars, currency: 'EUR' })).toMatchObject({ refused: false })
})

test('a campaign over a saved view asks those who answer for its agents, and the reviewer sees what could be less', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.goto('/agents?q=owner%3Afinance-platform%20hardware')
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Save as a new view…' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Hardware')
  await page.getByRole('button', { name: 'Save view' }).click()
  await expect(page).toHaveURL(/view=/)
  await page.goto('/reviews')
  await page.getByRole('button', { name: 'Start a campaign' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Title').fill('Hardware, this quarter')
  await dialog.getByLabel('Saved view').selectOption('Hardware')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Start it' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Hardware, this quarter')
  const campaign = page.url()

  await signInAs(page, 'Team lead')
  await page.goto(`${campaign}?show=mine`)
  await expect(page.getByRole('main')).toContainText('Invoice reconciler: hardware')
  await page
    .getByLabel(/^Decision for/)
    .first()
    .selectOption('keep')
  await page.getByLabel(/^Why, for/).fill('It posts corrections every week.')
  await expectAccessible(page)
  await page.getByRole('button', { name: /^Submit/ }).click()
  await expect(page.getByRole('main')).toContainText(/1 of \d+ grants decided/)

  await signInAs(page, 'Security')
  await page.goto(campaign)
  await expect(page.getByRole('main')).toContainText(/kept Tessa Lindholm .*It posts corrections every week\./)
  await page.getByRole('button', { name: /^End/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click()
  await expect(page.getByRole('main')).toContainText('ended')
})

test('the team that owns an agent gives up what it does not need, and nothing of others', async ({ page }) => {
  // No other journey needs it, and nothing starts it: its grants stay unused until they are given up here.
  const api = await adminApi()
  const moved = await api.patch('/api/v1/agents/invoice-reconciler-top-50', {
    data: { ownerTeamId: 'finance-platform' },
  })
  expect(moved.status(), await moved.text()).toBe(200)
  await api.dispose()

  await signInAs(page, 'Builder')
  await page.goto('/agents/invoice-reconciler-top-50/scopes')
  const scopes = page.getByRole('table', { name: /^Scopes of/ })
  await expect(scopes).toContainText('not used')
  await scopes.getByRole('button', { name: 'Revoke' }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Reason').fill('It never called it.')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
  await expect(dialog).toBeHidden()
  await page.goto('/agents/invoice-reconciler-top-50/scopes?history=1')
  await expect(scopes).toContainText('revoked')

  await page.goto('/requests/unused?ownerTeamId=finance-platform&kind=revoke')
  const proposals = page.getByRole('table', { name: 'Grants that could be less' })
  const own = proposals.getByRole('row').filter({ hasText: 'Invoice reconciler: top 50' })
  await expect(own).toHaveCount(1)
  await own.getByRole('button', { name: 'Revoke' }).click()
  await dialog.getByLabel('Reason').fill('No call needed it.')
  await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
  await expect(dialog).toBeHidden()
  await expect(own).toHaveCount(0)

  await page.goto('/requests/unused?ownerTeamId=treasury')
  const others = proposals.getByRole('button', { name: /^(Revoke|Narrow)/ })
  await expect(others.first()).toHaveAttribute('aria-disabled', 'true')
  await expectAccessible(page)
})
