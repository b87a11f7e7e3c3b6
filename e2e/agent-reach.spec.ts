import { expect, test } from '@playwright/test'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { chooseAgent } from './support/choose-agent.ts'
import { signInAs } from './support/sign-in.ts'

const agent = 'ticket-triager-orders'

test('whoever misses an agent in the list asks why, and finds what its grants do not reach', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/agents?q=can:destructive')
  await expect(page.getByRole('table', { name: 'Agents' })).not.toContainText(agent)
  const form = page.getByRole('form', { name: 'Why an agent is in the list, or not' })
  await chooseAgent(page, { in: form, agent })
  await form.getByRole('button', { name: 'Explain' }).click()
  await expect(page).toHaveURL(/\/agents\/explain\?q=can%3Adestructive&agent=ticket-triager-orders/)
  await expect(page.getByRole('heading', { level: 2 })).toContainText('is not in the list')
  const parts = page.getByRole('list', { name: 'Parts of the search' })
  await expect(parts.getByRole('listitem')).toContainText('does not hold')
  await expect(parts.getByRole('listitem')).toContainText('no grant that it holds covers such a tool')
  await expectAccessible(page)

  await page.getByRole('textbox', { name: 'Search' }).fill('-(can:destructive or status:retired) can:read')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByRole('heading', { level: 2 })).toContainText('is in the list')
  await expectAccessible(page)

  await page.getByRole('textbox', { name: 'Search' }).fill('can:all')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByText('It cannot be explained')).toBeVisible()
  await expectAccessible(page)
  await page.goto('/agents/explain?agent=nobody-at-all&q=can:read')
  await page.getByRole('link', { name: 'Look for it by a part of its name' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Agents' })).toBeVisible()
})

test('from an agent one asks about a search, and its scopes say what they really reach', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto(`/agents/${agent}`)
  const form = page.getByRole('form', { name: 'Why an agent is in the list, or not' })
  await form.getByLabel('The search').fill('can:read server:tickets')
  await form.getByRole('button', { name: 'Explain' }).click()
  await expect(page.getByRole('heading', { level: 2 })).toContainText('is in the list')
  await expect(page.getByRole('list', { name: 'Parts of the search' })).toContainText('it reaches tickets/')
  const scopes = page.getByRole('table', { name: /^Scopes of/ })
  await page.goto(`/agents/${agent}/scopes`)
  await expect(scopes).toContainText('besides tools')
  const api = await adminApi()
  // No agent of the demo calls this tool in a run, so that the stop hinders none.
  const stop = { scope: 'tool', targetId: 'tickets/search_tickets', reason: 'It finds the wrong tickets.' }
  const { orderId } = await post<{ orderId: string }>(api, '/kill', stop)
  try {
    await page.reload()
    const tickets = scopes.getByRole('row').filter({ has: page.getByRole('link', { name: 'Tickets', exact: true }) })
    const toRead = tickets.filter({ has: page.getByText('read', { exact: true }) })
    await expect(toRead.getByRole('list', { name: 'What it does not reach, and why' })).toContainText(
      'search_tickets: a stop order for the tool is in force: It finds the wrong tickets.',
    )
    await expectAccessible(page)
    await page.goto(`/agents/explain?agent=${agent}&q=tool:search_tickets`)
    await expect(page.getByRole('list', { name: 'Parts of the search' })).toContainText(stop.reason)
  } finally {
    await post(api, `/kill/${orderId}/release`, { reason: 'The journey is over.' }, 200)
  }
})
