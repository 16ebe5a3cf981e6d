import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LIVELY } from './mock/inbox.ts'
import { ASK } from './mock/runs.ts'
import { builtConsole, checkPage, openStage, press, type Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage(await builtConsole())
})

afterEach(async () => {
  await stage.closePages()
  stage.mock.reset()
})

afterAll(async () => {
  await stage?.close()
})

const changes = () => stage.mock.backend.changes.filter((each) => each.name !== 'seeApproval')
const lastChange = () => changes().at(-1)
const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })
/** An item of the list beside the details. */
const item = (page: Page, name: string) => page.locator('section[aria-label$="items"]').getByRole('link', { name })
const lively = () => {
  const found = stage.mock.backend.approvals.find((each) => each.id === LIVELY)
  if (!found?.life) throw new Error('the mock lost its approval')
  return { ask: found, life: found.life }
}

describe('the approvals inbox', () => {
  it('CON-101: the lists show what waits for this person, what is claimed, put off, escalated and decided', async () => {
    const page = await stage.open('paul', '/approvals?show=mine')
    await item(page, 'Change the bank account').waitFor()
    await item(page, 'Pay invoice INV-2026-0042').waitFor()
    const which = page.getByRole('navigation', { name: 'Which items' })
    await which.getByRole('link', { name: 'Escalated' }).press('Enter')
    await expect.poll(() => page.locator('[id^="item-"]').count()).toBe(1)
    await which.getByRole('link', { name: 'Claimed' }).press('Enter')
    await page.getByText('Nobody has claimed anything').waitFor()
    await which.getByRole('link', { name: 'Decided' }).press('Enter')
    await item(page, 'INV-2026-0077').waitFor()
    const viewer = await stage.open('vera', '/approvals?show=mine')
    await viewer.getByText('Nothing waits for you').waitFor()
  })

  it('CON-102: stages, who has said yes and what is still needed; a yes that is one of several says so', async () => {
    const page = await stage.open('paul', `/approvals/${LIVELY}`)
    await page.getByText('Stage 1 of 2: 1 of 2 said yes').last().waitFor()
    await page.getByRole('row', { name: /vendors.two-people.*escalated to lead.*user:petra.*Waits/ }).waitFor()
    await page.getByRole('row', { name: /vendors.finance.*0 of 1.*Later/ }).waitFor()
    await page.getByRole('list', { name: 'What happened' }).getByText('called the vendor <b>twice</b>').waitFor()
    await checkPage(page, 'approval-life')
    await press(page, 'a')
    await page.getByRole('dialog').waitFor()
    await press(page, 'called them too', 'Enter')
    await page.getByRole('dialog').getByRole('alert').getByText('Type “V-014”').waitFor()
    expect(changes()).toEqual([])
    await press(page, 'Tab', 'v-014', 'Enter')
    await page.getByRole('status').getByText('Your yes is recorded. Stage 2 of 2: 0 of 1 said yes').waitFor()
    expect(await button(page, 'Approve').getAttribute('aria-disabled')).toBe('true')
    expect(lastChange()).toMatchObject({ name: 'decide', body: { packet_hash: lively().ask.packet_hash } })
  })

  it('CON-103: opening the details is told once; a claim is seen by others and given back', async () => {
    const page = await stage.open('paul', `/approvals/${LIVELY}`)
    await button(page, 'Claim for 15 minutes').press('Enter')
    await button(page, 'Give the claim back').waitFor()
    await page.getByRole('list', { name: 'So far' }).getByText('Claimed by user:paul').waitFor()
    expect(stage.mock.backend.changes.filter((each) => each.name === 'seeApproval')).toHaveLength(1)
    await button(page, 'Give the claim back').press('Enter')
    await button(page, 'Claim for 15 minutes').waitFor()
    lively().life.claim = { by: 'user:petra', until: new Date(Date.now() + 600_000).toISOString() }
    await page.getByRole('article').getByText('Claimed by user:petra until').waitFor()
    expect(await button(page, 'Claim for 15 minutes').getAttribute('aria-disabled')).toBe('true')
    await item(page, 'claimed by user:petra').waitFor()
  })

  it('CON-104: a question goes to the requester, who answers it or takes the request back', async () => {
    const page = await stage.open('paul', `/approvals/${LIVELY}`)
    await button(page, 'Ask for information…').press('Enter')
    await press(page, 'who called the <i>vendor</i>?', 'Enter')
    await page.getByRole('list', { name: 'So far' }).getByText('user:paul asked the requester').waitFor()
    const rita = await stage.open('rita', `/approvals/${LIVELY}`)
    await button(rita, 'Answer the question…').press('Enter')
    await rita.getByRole('dialog').getByText('who called the <i>vendor</i>?').waitFor()
    await press(rita, 'the buyer did, on Monday', 'Enter')
    await page.getByRole('list', { name: 'What happened' }).getByText('the buyer did, on Monday').waitFor()
    expect(lastChange()).toMatchObject({ name: 'giveInformation', by: 'user:rita' })
    await button(rita, 'Take it back…').press('Enter')
    await press(rita, 'the vendor wrote again', 'Enter')
    await rita.getByRole('article').getByText('Cancelled by user:rita').waitFor()
  })

  it('CON-105: not now takes an item off this list alone', async () => {
    const page = await stage.open('paul', `/approvals/${LIVELY}`)
    await button(page, 'Not now…').press('Enter')
    await page.getByRole('dialog').waitFor()
    await button(page, 'In 1 hour').press('Enter')
    await item(page, 'Change the bank account').waitFor({ state: 'detached' })
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(lastChange()).toMatchObject({ name: 'snoozeApproval', body: { seconds: 3600 } })
    await page.getByRole('link', { name: 'Not now', exact: true }).press('Enter')
    await item(page, 'Change the bank account').waitFor()
    const other = await stage.open('vera', '/approvals')
    await item(other, 'Change the bank account').waitFor()
  })

  it('CON-106: an edit shows what was proposed beside it, checks it, and sends what was written with what was seen', async () => {
    const page = await stage.open('paul', `/approvals/${LIVELY}`)
    await button(page, 'Edit and approve…').press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Edit and approve' })
    const limit = dialog.getByLabel('limit_minor as edited')
    await dialog.getByLabel('Reason').fill('half is enough')
    await dialog.getByLabel(/Type V-014/).fill('V-014')
    await press(page, 'Enter')
    await dialog.getByRole('alert').getByText('Nothing is changed').waitFor()
    await limit.fill('a lot')
    await press(page, 'Enter')
    await dialog.getByRole('alert').getByText('must be a whole number').waitFor()
    expect(changes()).toEqual([])
    await limit.fill('9000000')
    await checkPage(page, 'approval-edit')
    await limit.press('Enter')
    await dialog.getByRole('alert').getByText('POLICY_DENIED').waitFor()
    await limit.fill('250000')
    await limit.press('Enter')
    await page.getByRole('list', { name: 'So far' }).getByText('user:paul proposed other arguments').waitFor()
    const args = { vendor: 'V-014', iban: 'DE02120300000000202051', limit_minor: 250_000, notify: true }
    const body = { arguments: args, reason: 'half is enough', packet_hash: lively().ask.packet_hash }
    expect(lastChange()).toMatchObject({ name: 'editApproval', body })
  })

  it('CON-107: whoever may not act sees every act and why not', async () => {
    const page = await stage.open('vera', `/approvals/${LIVELY}`)
    for (const name of ['Claim for 15 minutes', 'Edit and approve…', 'Not now…', 'Standing approval…']) {
      const act = button(page, name)
      expect(await act.getAttribute('aria-disabled'), name).toBe('true')
      expect(await act.getAttribute('title'), name).toBe('Your role does not decide approvals.')
    }
    await button(page, 'Edit and approve…').press('Enter')
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect(stage.mock.backend.changes).toEqual([])
  })

  it('CON-108: a no that is remembered is lifted by another person with a reason', async () => {
    const page = await stage.open('paul', '/approvals/apr_01kbrejected000000000004?show=decided')
    await button(page, 'Let it be asked again…').press('Enter')
    await press(page, 'the account is proven now', 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(lastChange()).toMatchObject({ name: 'liftDecline', body: { reason: 'the account is proven now' } })
  })

  it('CON-109: when someone else was first with an answer of several, the conflict names them', async () => {
    const page = await stage.open('paul', `/approvals/${LIVELY}`)
    await button(page, /^Reject/).waitFor()
    await press(page, 'r')
    await page.getByRole('dialog').waitFor()
    stage.mock.backend.decideAs('user:finn', LIVELY, 'rejected', 'not our vendor')
    await press(page, 'no call was made', 'Enter')
    await page.getByRole('alert').getByText('Rejected by user:finn').waitFor()
  })
})

describe('standing approvals and reviewers', () => {
  it('CON-110: a standing approval starts from what was asked, takes limits and a typed word, and is revoked', async () => {
    const page = await stage.open('paul', `/approvals/${ASK.notice}`)
    expect(await button(page, 'Standing approval…').getAttribute('title')).toContain('earlier version')
    await page.goto(`${stage.mock.url}/review`)
    await page.getByRole('row', { name: /records.tag in payables.*tag is "paid".*3 of 20/ }).waitFor()
    await checkPage(page, 'review')
    await button(page, 'Give a standing approval…').press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Give a standing approval' })
    await dialog.getByLabel('Reason').fill('small refunds')
    await dialog.getByLabel(/Type standing/).fill('standing')
    await press(page, 'Enter')
    await dialog.getByRole('alert').getByText('without one anything would fit').waitFor()
    for (const [label, value] of [
      ['Tool', 'refunds.pay'],
      ['Workflow', 'desk'],
      ['Requested by', 'user:rita'],
      ['Field 1', 'amount_minor'],
      ['Value 1', '5000'],
    ] as const)
      await dialog.getByLabel(label, { exact: true }).fill(value)
    await dialog.getByLabel('Comparison 1').selectOption('at_most')
    await checkPage(page, 'standing-dialog')
    await dialog.getByLabel('Reason').press('Enter')
    await page.getByRole('row', { name: /refunds.pay in desk.*amount_minor is at most 5000.*0 of 10/ }).waitFor()
    expect(lastChange()).toMatchObject({
      name: 'giveStanding',
      body: { tool: 'refunds.pay', constraints: [{ field: 'amount_minor', at_most: 5000 }], max_uses: 10 },
    })
    await button(page, 'Revoke the standing approval for records.tag').press('Enter')
    await press(page, 'not needed any more', 'Enter')
    await page.getByRole('row', { name: /records.tag.*revoked by user:paul/ }).waitFor()
  })

  it('CON-111: a stand-in is named with roles and an end, and the naming is ended', async () => {
    const page = await stage.open('paul', '/review')
    await button(page, 'Name a stand-in…').press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Name a stand-in' })
    await dialog.getByLabel('Person').fill('user:finn')
    await dialog.getByLabel('Reason').fill('on leave')
    await press(page, 'Enter')
    await page.getByRole('row', { name: /user:finn for user:paul.*as approver/ }).waitFor()
    expect(lastChange()).toMatchObject({ name: 'delegate', body: { delegate: 'user:finn', roles: ['approver'] } })
    await button(page, 'Revoke the stand-in user:eva').press('Enter')
    await press(page, 'back from leave', 'Enter')
    await page.getByRole('row', { name: /user:eva.*revoked by user:paul/ }).waitFor()
    const viewer = await stage.open('vera', '/review')
    await viewer.getByText('This needs a role that decides approvals.').first().waitFor()
  })

  it('CON-112: who seems to answer without reading is shown beside load and times', async () => {
    const page = await stage.open('vera', '/review')
    await page.getByRole('row', { name: /user:petra.*92 %.*Seems not to read/ }).waitFor()
    await page.getByRole('row', { name: /user:paul.*0 %.*No sign of it/ }).waitFor()
    await page.getByText('31 approved, 4 rejected').waitFor()
  })

  it('CON-003: nothing of this reports a fault in the page', () => {
    expect(stage.faults).toEqual([])
  })
})
