import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { chooseAgent } from './support/choose-agent.ts'
import { signInAs } from './support/sign-in.ts'

test('requests are filtered, and a call is simulated, for an agent that is found by its name', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/requests')
  const filter = page.getByRole('search', { name: 'Filter scope requests' })
  await filter.getByRole('button', { name: 'Agent: Any agent' }).click()
  const dialog = page.getByRole('dialog', { name: 'Choose an agent' })
  await expect(dialog.getByRole('radio').first()).toBeVisible()
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  await chooseAgent(page, { in: filter, agent: 'ticket-triager-orders' })
  await filter.getByRole('button', { name: 'Apply' }).click()
  await expect(page).toHaveURL(/agentId=ticket-triager-orders/)
  // It says the name again once it is loaded, and lets go of it.
  await filter.getByRole('button', { name: /^Agent: .*[Tt]riager/ }).click()
  await dialog.getByRole('button', { name: 'Any agent' }).click()
  await dialog.getByRole('button', { name: 'Done' }).click()
  await filter.getByRole('button', { name: 'Apply' }).click()
  await expect(page).not.toHaveURL(/agentId/)

  await page.goto('/simulate?server=tickets&tool=get_ticket')
  const call = page.getByRole('form', { name: 'The call' })
  await chooseAgent(page, { in: call, agent: 'ticket-triager-orders' })
  await call.getByRole('button', { name: 'Simulate' }).click()
  await expect(page).toHaveURL(/agent=ticket-triager-orders/)
  await expect(page.getByRole('status').getByRole('heading', { level: 2 })).toBeVisible()
  await expectAccessible(page)
})
