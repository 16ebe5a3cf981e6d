/** What the guide shows of alerts: compiled, and checked by a test. */
import type { AlertsDef } from '@signalbox/server'

// #region limits
export const alerts: AlertsDef = {
  kinds: {
    'approval.oldest': { limits: { olderThanSeconds: 1_800 }, severity: 'page' },
    'budget.near_miss': { off: true },
  },
  overrides: [{ kind: 'runs.parked', workflow: 'refund-desk', limits: { atLeast: 1 } }],
  escalateAfterMinutes: 15,
}
// #endregion limits

// #region switch
export const alertsWithSwitch: AlertsDef = {
  onAlert: [
    {
      name: 'stop-refunds',
      kind: 'denial.spike',
      workflow: 'refund-desk',
      engage: { scope: 'tool', target: 'payments.refund', mode: 'stop_now', expiresInMinutes: 60 },
    },
  ],
}
// #endregion switch
