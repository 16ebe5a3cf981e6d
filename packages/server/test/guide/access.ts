/** What the guide shows of principals and credentials: compiled, and read by a test. */
import type { PrincipalDef } from '@signalbox/server'
import { type CredentialDef, fromCommand, fromEnvironment, fromFile } from 'signalbox'

// #region principals
export const principals: readonly PrincipalDef[] = [
  {
    id: 'user:ana',
    roles: { acme: ['requester', 'payables-clerk'] },
    tokens: [
      { name: 'laptop', tenant: 'acme', sha256: '39c68134031254192125da483bcdfa29c057b60f942fdef4035b382186e6fb5b' },
    ],
  },
  {
    id: 'service:intake',
    owner: 'user:ana',
    roles: { acme: ['requester'] },
    tokens: [
      {
        name: 'main',
        tenant: 'acme',
        sha256: '51aa1d0c1d1b1d5a4f0e7c7f9e41f6f0c2b0e7d27d2c1b5f4b8f3a6f2c9d8e08',
        scopes: ['runs.start'],
        expires: '2027-03-31',
      },
    ],
  },
  {
    id: 'agent:helper',
    owner: 'user:ana',
    roles: { acme: ['requester'] },
    tokens: [
      {
        name: 'main',
        tenant: 'acme',
        sha256: '7c01b6e2a3d94f58c0e1f27a9b3d5c6e8f0a1b2c3d4e5f60718293a4b5c6d7e2',
        scopes: ['read', 'runs.start'],
        expires: '2027-03-31',
        onBehalfOf: 'user:ana',
      },
    ],
  },
]
// #endregion principals

// #region credentials
export const credentials: Readonly<Record<string, CredentialDef>> = {
  'payments.pay': fromCommand(['vault-token', 'payments'], { hosts: ['bank.example:443'] }),
  'mail.send': fromFile('/run/secrets/mail', { hosts: ['mail.example:443'], header: 'X-Api-Key' }),
  'records.vendor': fromEnvironment('RECORDS_TOKEN', { hosts: ['records.example:443'] }),
}
// #endregion credentials
