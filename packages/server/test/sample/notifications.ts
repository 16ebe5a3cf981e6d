// #region channels
import { type NotificationsDef, secretFromEnv, secretFromFile } from '@signalbox/server'

export const notifications: NotificationsDef = {
  baseUrl: 'https://signalbox.example.com',
  channels: [
    {
      kind: 'webhook',
      name: 'pager',
      url: 'https://pager.example.com/hooks/signalbox',
      secrets: [secretFromFile('/run/secrets/pager')],
      severity: 'urgent',
      carries: 'link',
    },
    {
      kind: 'slack',
      name: 'finance',
      url: secretFromEnv('FINANCE_CHAT_URL'),
      kinds: ['approval.*', 'question.*'],
      roles: ['finance-approver'],
      digestSeconds: 300,
    },
  ],
}
// #endregion channels
